/** Makes a template of a running sandbox. */
import { registerSnapshot, type SnapshotName } from "@sandlot/db";
import type { SandboxKey } from "@sandlot/state";
import { checkpointSandbox } from "./checkpoint";
import type { SandboxParts } from "./parts";

/**
 * A name that the team has already gets a new build under that tag; new sandboxes start from it at once.
 * @throws Fault those of `checkpointSandbox`, `db_unavailable`
 */
export async function snapshotSandbox(
  parts: SandboxParts,
  { key, name }: { key: SandboxKey; name: (SnapshotName & { readonly tag: string }) | undefined },
): Promise<{ templateId: string }> {
  const { buildId, size } = await checkpointSandbox(parts, key, "snapshotted");
  const { teamId, sandboxId } = key;
  const tag = name?.tag ?? "default";
  return await registerSnapshot(parts.db, { teamId, sandboxId, buildId, size, name, tag });
}
