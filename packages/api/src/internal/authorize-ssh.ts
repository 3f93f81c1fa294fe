import { isSshKeyOf, readSnapshot } from "@sandlot/db";
import { openSshAuthority, sandboxFaults, verifySshCertificate } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import { fromSnapshot } from "../sandboxes/kept";
import type { SandboxParts } from "../sandboxes/parts";

type Finding = Pick<SandboxParts, "state" | "db" | "tokenSeed" | "clock">;

type Asked = { readonly sandboxId: string; readonly fingerprint: string; readonly certificate: Uint8Array };

/**
 * What opens a sandbox for the owner of a registered key, or of one that was certified for it.
 * @returns its envd token, empty when it has none
 * @throws Fault `sandbox_missing` for unknown sandboxes and for those of teams that do not know the key alike
 */
export async function authorizeSsh(parts: Finding, asked: Asked): Promise<string> {
  const { sandboxId } = asked;
  const record = /^[a-z0-9]{1,64}$/.test(sandboxId) ? await findIt(parts, sandboxId) : undefined;
  if (record === undefined || !(await opens(parts, asked, record.teamId))) throw sandboxFaults.missing({ sandboxId });
  return record.envdAccessToken ?? "";
}

async function opens(parts: Finding, asked: Asked, teamId: string): Promise<boolean> {
  const { sandboxId, fingerprint, certificate } = asked;
  if (certificate.length === 0) return await isSshKeyOf(parts.db, { teamId, fingerprint });
  const authority = openSshAuthority(parts.tokenSeed);
  const nowMs = parts.clock.nowMs();
  return verifySshCertificate(authority, { blob: Buffer.from(certificate), sandboxId, nowMs }) === teamId;
}

/** A paused one that traffic may wake is woken by the connection that follows. */
async function findIt({ state, db, tokenSeed }: Finding, sandboxId: string): Promise<SandboxRecord | undefined> {
  const record = await state.sandboxes.find(sandboxId);
  if (record !== undefined) return record;
  const kept = await readSnapshot(db, sandboxId);
  const paused = kept && fromSnapshot(kept, tokenSeed);
  return paused?.autoResume === true ? paused : undefined;
}
