/** Where everything lies below the artifacts' directory. */
import { join, resolve } from "node:path";
import { KEYS } from "../names";

export type Layout = ReturnType<typeof layoutOf>;

export function layoutOf(directory: string) {
  const root = resolve(directory);
  return {
    root,
    builds: join(root, "builds"),
    layers: join(root, "layers"),
    guest: join(root, "guest"),
    /** Emptied at every start. */
    staging: join(root, "staging"),
    /** One marker per file whose content is known to be right. */
    verified: join(root, "verified"),
    /** One marker per thing still to be done to the object store. */
    pending: join(root, "pending"),
    build: (buildId: string) => join(root, "builds", buildId),
    manifest: (buildId: string) => join(root, KEYS.manifest(buildId)),
    memoryDir: (buildId: string) => join(root, "builds", buildId, "memory"),
    memory: (buildId: string, name: string) => join(root, KEYS.memory(buildId, name)),
    layer: (layer: { sha256: string; kind?: string }) => join(root, KEYS.layer(layer)),
    guestLayer: (name: string) => join(root, "guest", name),
  } as const;
}
