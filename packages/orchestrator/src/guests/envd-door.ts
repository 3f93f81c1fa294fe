import { sleep } from "@sandlot/lifetime";
import { nodeFaults } from "../faults";
import { limits } from "../limits";

/** Where envd listens in every guest (wire contract §2). */
export const ENVD_PORT = 49_983;

/** Body of POST /init: behaviour.md §2.3, and our own extension fields for identity. */
export type InitBody = {
  readonly timestamp: string;
  readonly accessToken?: string;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly defaultUser: string;
  readonly defaultWorkdir: string;
  readonly caBundle?: string;
  readonly proxy?: { readonly http?: string; readonly https?: string; readonly no?: string };
  readonly lifecycleID: string;
  readonly sandboxId: string;
  readonly templateId: string;
  readonly buildId: string;
  readonly hostname: string;
};

/**
 * What answers may be anybody's program: the machine's root can put its own in envd's place. So it cannot send the node
 * elsewhere, nor hand it more than it wants. A slot's address goes from sandbox to sandbox: a pooled connection could
 * reach the next owner.
 */
const WARY = { keepalive: false, redirect: "manual", decompress: false } as const;

/** The body as text, as far as it may go.
 * @throws when it is longer than `maxBytes` */
async function readBounded(answer: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let readBytes = 0;
  for await (const piece of answer.body ?? []) {
    readBytes += piece.length;
    // Leaving the loop cancels the body, and with it the connection.
    if (readBytes > maxBytes) throw new Error(`the guest's answer is longer than ${maxBytes} bytes`);
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Waits for the first answer of a starting envd.
 * @throws Fault `node_guest_silent` after `waitMs`, the signal's reason when aborted
 */
export async function waitForEnvd(of: { address: string; waitMs: number; signal: AbortSignal }): Promise<void> {
  const giveUpAtMs = Date.now() + of.waitMs;
  for (;;) {
    of.signal.throwIfAborted();
    if (await isEnvdUp(of.address, limits.envdPollAttemptMs, of.signal)) return;
    if (Date.now() >= giveUpAtMs) throw nodeFaults.guest_silent({ waitedMs: of.waitMs });
    await sleep(limits.envdPollMs, of.signal);
  }
}

/** One look. Never throws. */
export async function isEnvdUp(address: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address}:${ENVD_PORT}/health`, {
      ...WARY,
      signal: within(timeoutMs, signal),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/**
 * Whether the envd at `address` carries this sandbox's identity. One that PID 1 has restarted does not: it has no
 * token and would serve anyone.
 * @throws when it does not answer in time
 */
export async function hasIdentity(of: {
  address: string;
  sandboxId: string;
  accessToken: string | undefined;
  isVirtual?: boolean;
  signal: AbortSignal;
}): Promise<boolean> {
  const waitMs = limits.envdIdentityMs * (of.isVirtual === true ? limits.virtualPatience : 1);
  const answer = await fetch(`http://${of.address}:${ENVD_PORT}/envs`, {
    ...WARY,
    headers: of.accessToken === undefined ? {} : { "X-Access-Token": of.accessToken },
    signal: within(waitMs, of.signal),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    return false;
  }
  const envs: unknown = JSON.parse(await readBounded(answer, limits.guestAnswerBytes));
  return typeof envs === "object" && envs !== null && Reflect.get(envs, "E2B_SANDBOX_ID") === of.sandboxId;
}

/**
 * Gives a guest its identity. Each attempt carries a fresh timestamp, since envd ignores a body that is not newer
 * than the last; repeating one that did arrive is harmless.
 * @throws Fault `node_guest_refused_init` on an answer that repeating cannot cure, `node_guest_silent` after `limits.initMs`
 */
export async function initEnvd(of: {
  address: string;
  body: () => InitBody;
  /** The token it has now, where that may be another than the one it is to have. */
  installedToken?: string | undefined;
  /** Software may run it: what a container does in milliseconds may take it seconds on a busy host. */
  isVirtual?: boolean;
  signal: AbortSignal;
}): Promise<{ attempts: number }> {
  const patience = of.isVirtual === true ? limits.virtualPatience : 1;
  const waitedMs = limits.initMs * patience;
  const giveUpAtMs = Date.now() + waitedMs;
  let attemptMs = limits.initAttemptMs * patience;
  for (let attempts = 1; ; attempts += 1) {
    of.signal.throwIfAborted();
    const outcome = await attemptInit(of, within(attemptMs, of.signal));
    if (outcome === "done") return { attempts };
    if (outcome !== "again") throw nodeFaults.guest_refused_init(outcome);
    if (Date.now() >= giveUpAtMs) throw nodeFaults.guest_silent({ waitedMs });
    attemptMs = Math.min(attemptMs * 2, limits.initAttemptMaxMs * patience);
    await sleep(limits.envdPollMs, of.signal);
  }
}

async function attemptInit(
  of: { address: string; body: () => InitBody; installedToken?: string | undefined },
  signal: AbortSignal,
): Promise<"done" | "again" | { status: number; text: string }> {
  try {
    const answer = await fetch(`http://${of.address}:${ENVD_PORT}/init`, {
      ...WARY,
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(of.installedToken === undefined ? {} : { "X-Access-Token": of.installedToken }),
      },
      body: JSON.stringify(of.body()),
      signal,
    });
    const text = await readBounded(answer, limits.guestAnswerBytes);
    if (answer.ok) return "done";
    // 503: another init holds envd's lock, e.g. our own attempt that timed out here but not there.
    if (answer.status === 503) return "again";
    return { status: answer.status, text: text.slice(0, 200) };
  } catch {
    return "again"; // refused, reset or out of time
  }
}

function within(timeoutMs: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}
