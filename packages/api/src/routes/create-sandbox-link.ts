import { linkFaults, parseSandboxId, signLink } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import { findSandbox } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";
import { addressOf, linkAddress } from "../sandboxes/port-address";

const ENVD_PORT = 49_983;
const DEFAULT_SECONDS = 3_600;

/** POST /sandboxes/{sandboxID}/links — 201; the token in it is signed by the sandbox's traffic token and kept nowhere. */
export function createSandboxLink(parts: SandboxParts & { trafficOrigin: string }): Handler<"createSandboxLink"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const { port, ttl = DEFAULT_SECONDS } = body;
    const { trafficAccessToken } = await findSandbox(parts, { teamId: team.teamId, sandboxId });
    if (port === ENVD_PORT) throw linkFaults.of_envd({});
    const place = { origin: parts.trafficOrigin, sandboxId, port, path: body.path ?? "/" };
    if (trafficAccessToken === undefined) throw linkFaults.needless({ url: addressOf(place) });
    const expiresAtMs = Math.ceil(parts.clock.nowMs() / 1000 + ttl) * 1000;
    const token = signLink({ sandboxId, port, trafficToken: trafficAccessToken }, expiresAtMs);
    const url = linkAddress(place, token);
    return { status: 201, body: { url, port, expiresAt: new Date(expiresAtMs).toISOString() } };
  };
}
