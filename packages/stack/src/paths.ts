/** Where things lie: in the checkout, in a data directory, and on the machine. */
import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";

/** The checkout this code runs from. */
export const CHECKOUT = realpathSync(join(import.meta.dir, "../../.."));
export const DIST = join(CHECKOUT, "dist");
/** Shared by all installations of a machine: sealed base layers. */
export const MACHINE_CACHE = "/var/cache/sandlot";
export const DEFAULT_DATA_DIR = "/var/lib/sandlot";

export type DataPaths = ReturnType<typeof pathsOf>;

/** Paths below one data directory. Makes nothing. */
export function pathsOf(dataDir: string) {
  const root = resolve(dataDir);
  const run = join(root, "run");
  return {
    root,
    run,
    secrets: join(root, "secrets.json"),
    settings: join(root, "stack.json"),
    postgres: join(root, "postgres"),
    redis: join(root, "redis"),
    logs: join(root, "logs"),
    artifacts: join(root, "artifacts"),
    /** What clients upload for builds, while no bucket takes it. */
    buildCache: join(root, "build-cache"),
    /** Images that were pushed; the registry's own user writes there. */
    registry: join(root, "registry"),
    /** A copy, since that user may not look into the checkout (in root's home, say). */
    registryConfig: join(root, "run", "registry.yml"),
    node: join(root, "node"),
    guestCa: join(root, "guest-ca.pem"),
    egressCa: join(root, "egress-ca.pem"),
    /** Certificates, and the keys that SSH shows; for the owner alone. */
    edge: join(root, "edge"),
    /** What SSH shows as this machine's; its public half beside it. */
    sshHostKey: join(root, "edge", "ssh-host-key"),
    /** The authority's certificate, for whoever has to trust it. */
    edgeCa: join(root, "ca.crt"),
    lock: join(run, "lock.json"),
    supervisor: join(run, "supervisor.json"),
    mark: (service: string) => join(run, `${service}.json`),
    log: (service: string) => join(root, "logs", `${service}.log`),
  } as const;
}
