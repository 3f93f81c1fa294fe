import { DEFAULT_TIMEOUT_V2_S, parseConnectTimeout, parseSandboxId } from "@sandlot/domain";
import type { Call, Handler } from "../http/handlers";
import { connectSandbox as connectTo } from "../sandboxes/connect";
import type { SandboxParts } from "../sandboxes/parts";
import { toSandbox } from "../sandboxes/present";

/** POST /sandboxes/{sandboxID}/connect — 200 for a running one, whose end only ever moves later; 201 for one that it resumed. */
export function connectSandbox(parts: SandboxParts): Handler<"connectSandbox"> {
  return (call) => connect(parts, call, call.body);
}

/** POST /v2/sandboxes/{sandboxID}/connect — as above; the body may be left out and then asks for 300 s. */
export function connectSandboxV2(parts: SandboxParts): Handler<"connectSandboxV2"> {
  return (call) => connect(parts, call, call.body ?? {});
}

async function connect(
  parts: SandboxParts,
  { team, path }: Pick<Call<"connectSandbox">, "team" | "path">,
  { timeout: timeoutS = DEFAULT_TIMEOUT_V2_S, memory }: { timeout?: number; memory?: boolean },
) {
  const sandboxId = parseSandboxId(path.sandboxID);
  const timeoutMs = parseConnectTimeout({ timeoutS, maxHours: team.maxLengthHours });
  const { how, record } = await connectTo(parts, { team, sandboxId, timeoutMs, isColdBoot: memory === false });
  return { status: how === "resumed" ? 201 : 200, body: toSandbox(record) } as const;
}
