import { makeSshCertificate, openSshAuthority, parseSandboxId } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { findSandbox } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

const DEFAULT_SECONDS = 300;

/** POST /sandboxes/{sandboxID}/ssh-certificates — 201; kept nowhere. */
export function createSshCertificate(parts: SandboxParts): Handler<"createSshCertificate"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const { teamId } = team;
    await findSandbox(parts, { teamId, sandboxId });
    const nowMs = parts.clock.nowMs();
    const expiresAtMs = Math.floor(nowMs / 1000 + (body.ttl ?? DEFAULT_SECONDS)) * 1000;
    const wanted = { publicKey: body.publicKey, sandboxId, teamId, nowMs, expiresAtMs };
    const certificate = makeSshCertificate(openSshAuthority(parts.tokenSeed), wanted);
    return { status: 201, body: { certificate, expiresAt: new Date(expiresAtMs).toISOString() } };
  };
}
