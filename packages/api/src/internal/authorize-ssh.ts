import { isSshKeyOf } from "@sandlot/db";
import { sandboxFaults } from "@sandlot/domain";
import type { SandboxParts } from "../sandboxes/parts";

/**
 * What opens a sandbox for the owner of a registered key.
 * @returns its envd token, empty when it has none
 * @throws Fault `sandbox_missing` for unknown sandboxes and for those of teams that do not know the key alike
 */
export async function authorizeSsh(
  { state, db }: Pick<SandboxParts, "state" | "db">,
  of: { sandboxId: string; fingerprint: string },
): Promise<string> {
  const { sandboxId, fingerprint } = of;
  const record = /^[a-z0-9]{1,64}$/.test(sandboxId) ? await state.sandboxes.find(sandboxId) : undefined;
  if (record === undefined || !(await isSshKeyOf(db, { teamId: record.teamId, fingerprint }))) {
    throw sandboxFaults.missing({ sandboxId });
  }
  return record.envdAccessToken ?? "";
}
