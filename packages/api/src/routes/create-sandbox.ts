import { DEFAULT_TIMEOUT_S, DEFAULT_TIMEOUT_V2_S } from "@sandlot/domain";
import type { Handler } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import { planStart } from "../sandboxes/plan-start";
import { toSandbox } from "../sandboxes/present";
import { startSandbox } from "../sandboxes/start-sandbox";

/** POST /sandboxes — 201 once it runs. Lives 15 s unless told otherwise; has a token only if `secure`. */
export function createSandbox(parts: SandboxParts): Handler<"createSandbox"> {
  return async ({ team, body }) => {
    const request = { team, body, secure: body.secure ?? false, defaultTimeoutS: DEFAULT_TIMEOUT_S };
    return { status: 201, body: toSandbox(await startSandbox(parts, await planStart(parts, request))) };
  };
}

/** POST /v2/sandboxes — as above, but lives 300 s and always has a token. */
export function createSandboxV2(parts: SandboxParts): Handler<"createSandboxV2"> {
  return async ({ team, body }) => {
    const request = { team, body, secure: true, defaultTimeoutS: DEFAULT_TIMEOUT_V2_S };
    return { status: 201, body: toSandbox(await startSandbox(parts, await planStart(parts, request))) };
  };
}
