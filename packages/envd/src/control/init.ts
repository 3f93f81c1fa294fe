/** POST /init: the node tells this envd which sandbox it is. behaviour.md §2.3 and §2.7. */
import { isErrno, setHostname, setWallClock } from "@sandlot/linux";
import { isSameSecret } from "../auth";
import type { Envd } from "../envd";
import { faults } from "../faults";
import { CONTROL_BODY_MAX_BYTES } from "../limits";
import { installCa } from "./ca";
import { writeIdentity, writeNames } from "./identity";
import { type InitBody, parseInitBody } from "./init-body";

const NS_PER_MS = 1_000_000n;
const BEHIND_TOLERATED_NS = 50n * NS_PER_MS;
const AHEAD_TOLERATED_NS = 5_000n * NS_PER_MS;

/** The body is read first, the rest is one step: no two calls mix, and one that never ends sending keeps nobody out. */
export function initHandler(envd: Envd): (request: Request) => Promise<Response> {
  return async (request) => handle(parseInitBody(await readBody(request)), request.headers, envd);
}

function handle(body: InitBody, headers: Headers, envd: Envd): Response {
  const refusal = refuse(body, headers, envd);
  if (refusal !== undefined) return new Response(refusal, { status: 401 });
  const isNew =
    body.timestampNs === undefined || envd.state.lastInitNs === undefined || body.timestampNs > envd.state.lastInitNs;
  if (isNew) apply(body, envd);
  return new Response(null, {
    status: 204,
    headers: { "cache-control": "no-store", "x-envd-version": envd.config.version },
  });
}

/** Bounded while it is read: this route answers callers that have shown nothing yet. */
async function readBody(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > CONTROL_BODY_MAX_BYTES) {
      throw faults.bad_request({ problem: `the body is over ${CONTROL_BODY_MAX_BYTES} bytes` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * Why the caller may not, as upstream words it. Without a metadata service the only proof is the installed token:
 * in the body, or (ours) in X-Access-Token, which lets a node that knows the old token install another or clear it.
 */
function refuse(body: InitBody, headers: Headers, envd: Envd): string | undefined {
  const installed = envd.state.accessToken;
  if (installed === undefined) return undefined;
  const shown = headers.get("x-access-token");
  if (shown !== null && isSameSecret(shown, installed)) return undefined;
  if (body.accessToken === undefined) return "access token reset not authorized";
  return isSameSecret(body.accessToken, installed) ? undefined : "access token validation failed";
}

function apply(body: InitBody, envd: Envd): void {
  const { state, config } = envd;
  if (config.ownsMachine) {
    if (body.timestampNs !== undefined) mendClock(body.timestampNs, envd);
    if (body.hostname !== undefined) attempt(envd, "hostname not set", () => setHostname(body.hostname ?? ""));
  }
  if (body.caBundle !== undefined) {
    const names = installCa({ root: config.systemRoot, bundle: body.caBundle });
    for (const [name, value] of Object.entries(names)) state.internalEnvs.set(name, value);
  }
  for (const [kind, address] of Object.entries(body.proxy ?? {})) {
    const name = `${kind}_proxy`;
    for (const spelled of [name, name.toUpperCase()]) state.internalEnvs.set(spelled, address);
  }
  if (body.envVars !== undefined) state.userEnvs = new Map(body.envVars);
  if (body.sandboxId !== undefined) state.internalEnvs.set("E2B_SANDBOX_ID", body.sandboxId);
  if (body.templateId !== undefined) state.internalEnvs.set("E2B_TEMPLATE_ID", body.templateId);
  if (body.hyperloopIp !== undefined) state.internalEnvs.set("E2B_EVENTS_ADDRESS", `http://${body.hyperloopIp}`);
  attempt(envd, "identity files not written", () => writeIdentity({ root: config.systemRoot, body }));
  attempt(envd, "names not written", () => writeNames({ root: config.systemRoot, body }));
  if (body.defaultUser !== undefined) state.defaultUser = body.defaultUser;
  if (body.defaultWorkdir !== undefined) state.defaultWorkdir = body.defaultWorkdir;
  state.accessToken = body.accessToken;
  if (body.timestampNs !== undefined) state.lastInitNs = body.timestampNs;
}

/** A container's clock is its host's, and the kernel says so by EPERM; a guest kernel's may have stood still. */
function mendClock(timestampNs: bigint, envd: Envd): void {
  const behindNs = timestampNs - BigInt(Date.now()) * NS_PER_MS;
  if (behindNs <= BEHIND_TOLERATED_NS && behindNs >= -AHEAD_TOLERATED_NS) return;
  attempt(envd, "clock not set", () => setWallClock(timestampNs));
}

/** For what an image or a container may refuse without making the sandbox useless. */
function attempt(envd: Envd, message: string, work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (isErrno(thrown, "EPERM")) envd.log.debug(message, { thrown });
    else envd.log.warn(message, { thrown });
  }
}
