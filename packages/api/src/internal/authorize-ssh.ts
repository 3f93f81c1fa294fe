import { isSshKeyOf, readSnapshot } from "@sandlot/db";
import { sandboxFaults } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import { fromSnapshot } from "../sandboxes/kept";
import type { SandboxParts } from "../sandboxes/parts";

type Finding = Pick<SandboxParts, "state" | "db" | "tokenSeed">;

/**
 * What opens a sandbox for the owner of a registered key.
 * @returns its envd token, empty when it has none
 * @throws Fault `sandbox_missing` for unknown sandboxes and for those of teams that do not know the key alike
 */
export async function authorizeSsh(parts: Finding, of: { sandboxId: string; fingerprint: string }): Promise<string> {
  const { sandboxId, fingerprint } = of;
  const record = /^[a-z0-9]{1,64}$/.test(sandboxId) ? await findIt(parts, sandboxId) : undefined;
  if (record === undefined || !(await isSshKeyOf(parts.db, { teamId: record.teamId, fingerprint }))) {
    throw sandboxFaults.missing({ sandboxId });
  }
  return record.envdAccessToken ?? "";
}

/** A paused one that traffic may wake is woken by the connection that follows. */
async function findIt({ state, db, tokenSeed }: Finding, sandboxId: string): Promise<SandboxRecord | undefined> {
  const record = await state.sandboxes.find(sandboxId);
  if (record !== undefined) return record;
  const kept = await readSnapshot(db, sandboxId);
  const paused = kept && fromSnapshot(kept, tokenSeed);
  return paused?.autoResume === true ? paused : undefined;
}
