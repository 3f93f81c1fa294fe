import { DEFAULT_TIMEOUT_V2_S, parseConnectTimeout, parseSandboxId } from "@sandlot/domain";
import type { Call, Handler } from "../http/handlers";
import { changeEnd } from "../sandboxes/change-end";
import type { SandboxParts } from "../sandboxes/parts";
import { toSandbox } from "../sandboxes/present";

/** POST /sandboxes/{sandboxID}/connect — 200 for a running one, whose end only ever moves later. */
export function connectSandbox(parts: SandboxParts): Handler<"connectSandbox"> {
  return (call) => connect(parts, call, call.body.timeout);
}

/** POST /v2/sandboxes/{sandboxID}/connect — as above; the body may be left out and then asks for 300 s. */
export function connectSandboxV2(parts: SandboxParts): Handler<"connectSandboxV2"> {
  return (call) => connect(parts, call, call.body?.timeout ?? DEFAULT_TIMEOUT_V2_S);
}

async function connect(
  parts: SandboxParts,
  { team, path }: Pick<Call<"connectSandbox">, "team" | "path">,
  timeoutS: number,
) {
  const sandboxId = parseSandboxId(path.sandboxID);
  const timeoutMs = parseConnectTimeout({ timeoutS, maxHours: team.maxLengthHours });
  const record = await changeEnd(parts, { teamId: team.teamId, sandboxId, timeoutMs, mayShorten: false });
  return { status: 200, body: toSandbox(record) } as const;
}
