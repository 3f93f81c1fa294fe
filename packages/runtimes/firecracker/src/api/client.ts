/** Firecracker's API over its unix socket. Every request is held against the published rules before it is sent. */
import { isFault } from "@sandlot/faults";
import { type Clock, sleep } from "@sandlot/lifetime";
import { firecrackerFaults } from "../faults";
import { openJailedSocket } from "../jail/jailed-socket";
import { limits } from "../limits";
import { type ApiRequest, DESCRIBED_VERSION, type Phase, wrongsOfRequest } from "../rules/api-rules";
import type { Version } from "../rules/shape";
import { INSIDE } from "./boot-requests";

export type ApiAnswer = Readonly<Record<string, unknown>>;

type ApiParts = {
  readonly jailId: string;
  /** What the process sees as `/`. */
  readonly root: string;
  readonly clock: Clock;
  /** True once the process is gone: then nothing will answer. */
  readonly hasEnded: () => Promise<boolean>;
};

export class FirecrackerApi {
  readonly #of: ApiParts;
  /** What the rules are held against; told by the process itself before anything else is asked. */
  version: Version = DESCRIBED_VERSION;

  constructor(of: ApiParts) {
    this.#of = of;
  }

  /** Waits until the socket answers. @throws Fault `firecracker_lost`, `firecracker_late` */
  async untilReady(signal: AbortSignal): Promise<ApiAnswer> {
    const startedMs = this.#of.clock.nowMs();
    for (let restMs = 1; ; restMs = Math.min(restMs * 2, 20)) {
      signal.throwIfAborted();
      try {
        const answer = await this.#send({ method: "GET", path: "/" }, { signal, timeoutMs: limits.requestMs });
        if (answer.id !== this.#of.jailId) throw new Error(`${this.#of.jailId} answers as ${answer.id}`);
        return answer;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!isFault(thrown, "firecracker_lost") || (await this.#of.hasEnded())) throw thrown;
        const waitedMs = this.#of.clock.nowMs() - startedMs;
        if (waitedMs > limits.apiReadyMs) throw firecrackerFaults.late({ request: "its first request", waitedMs });
        await sleep(restMs, signal);
      }
    }
  }

  /** The state as the process tells it. */
  async phase(): Promise<Phase> {
    const { state } = await this.#send({ method: "GET", path: "/" }, { timeoutMs: limits.requestMs });
    return state === "Running" ? "running" : state === "Paused" ? "paused" : "not-started";
  }

  /** Sends one request in a phase the caller knows the machine to be in.
   * @throws Fault `firecracker_not_allowed` before anything is sent; `firecracker_refused`, `firecracker_lost`,
   *   `firecracker_late`; the signal's reason */
  async ask(request: ApiRequest, of: { phase: Phase; signal?: AbortSignal; timeoutMs?: number }): Promise<ApiAnswer> {
    const wrongs = wrongsOfRequest(request, { phase: of.phase, version: this.version });
    if (wrongs.length > 0) throw firecrackerFaults.not_allowed({ request: nameOf(request), wrongs });
    return this.#send(request, {
      timeoutMs: of.timeoutMs ?? limits.requestMs,
      ...(of.signal && { signal: of.signal }),
    });
  }

  async #send(request: ApiRequest, of: { timeoutMs: number; signal?: AbortSignal }): Promise<ApiAnswer> {
    const late = AbortSignal.timeout(of.timeoutMs);
    const signal = of.signal === undefined ? late : AbortSignal.any([late, of.signal]);
    try {
      using socket = openJailedSocket(this.#of.root, INSIDE.socket);
      // No connection is kept: Bun knows them by the socket's path, and this one is another machine's next time.
      const answer = await fetch(`http://localhost${request.path}`, {
        unix: socket.path,
        method: request.method,
        headers: { accept: "application/json", "content-type": "application/json", connection: "close" },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        keepalive: false,
        redirect: "error",
        signal,
      });
      const text = await readBounded(answer);
      if (answer.ok) return text === "" ? {} : (JSON.parse(text) as ApiAnswer);
      throw firecrackerFaults.refused({ request: nameOf(request), status: answer.status, reason: reasonIn(text) });
    } catch (thrown) {
      if (isFault(thrown)) throw thrown;
      of.signal?.throwIfAborted();
      if (late.aborted) throw firecrackerFaults.late({ request: nameOf(request), waitedMs: of.timeoutMs });
      throw firecrackerFaults.lost({ request: nameOf(request), reason: (thrown as Error).message }, thrown);
    }
  }
}

function nameOf(request: ApiRequest): string {
  return `${request.method} ${request.path}`;
}

function reasonIn(text: string): string {
  try {
    const { fault_message } = JSON.parse(text) as { fault_message?: unknown };
    if (typeof fault_message === "string") return fault_message.slice(0, 500);
  } catch {
    // Not of Firecracker's making, shown as it is.
  }
  return text.slice(0, 500);
}

async function readBounded(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of answer.body ?? []) {
    sizeBytes += part.length;
    if (sizeBytes > limits.answerBytes) throw new Error(`the answer is longer than ${limits.answerBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
