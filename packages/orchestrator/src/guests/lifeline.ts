import { sleep } from "@sandlot/lifetime";
import type { Socket } from "bun";
import { limits } from "../limits";
import { ENVD_PORT } from "./envd-door";

export type LifelineCalls = {
  readonly address: string;
  /** Whether the envd that answers now still carries the sandbox's identity. May throw when it does not answer. */
  readonly hasIdentity: (signal: AbortSignal) => Promise<boolean>;
  /** Gives it back: token, environment, user. */
  readonly restoreIdentity: (signal: AbortSignal) => Promise<void>;
  readonly onRestored: (downMs: number) => void;
};

/**
 * One idle connection to a sandbox's envd. The kernel closes it the moment envd dies, so the node knows at once and
 * without polling: it holds traffic to envd back (a restarted envd has no token and would serve anyone), waits for the
 * new one, and gives it its identity again. An envd that merely closes idle connections costs one look.
 */
export class Lifeline implements AsyncDisposable {
  readonly #calls: LifelineCalls;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  /** Undefined while envd is known to be ours. */
  #back: PromiseWithResolvers<void> | undefined;

  /** @param calls the envd at `address` must have just been given its identity, unless `unsure` */
  constructor(calls: LifelineCalls, unsure = false) {
    this.#calls = calls;
    if (unsure) this.#back = Promise.withResolvers();
    this.#loop = this.#run(unsure);
  }

  /** True while envd is known to carry the identity. */
  get isUp(): boolean {
    return this.#back === undefined;
  }

  /** Resolves once envd is known to be ours, or after `limits.envdHoldMs`: false then. */
  async ready(): Promise<boolean> {
    if (this.#back === undefined) return true;
    const tooLong = new AbortController();
    try {
      return await Promise.race([
        this.#back.promise.then(() => !this.#stop.signal.aborted),
        sleep(limits.envdHoldMs, tooLong.signal).then(() => false),
      ]);
    } finally {
      tooLong.abort(new Error("no longer waiting"));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the sandbox has ended"));
    this.#back?.resolve();
    await this.#loop;
  }

  async #run(unsure: boolean): Promise<void> {
    const { signal } = this.#stop;
    let sure = !unsure;
    let restMs: number = limits.envdReturnMinMs;
    let downSinceMs = Date.now();
    while (!signal.aborted) {
      const line = await openLine(this.#calls.address, signal);
      if (line !== undefined) {
        if (!sure) sure = await this.#reassure(downSinceMs);
        if (sure) {
          restMs = limits.envdReturnMinMs;
          this.#markUp();
          await line.closed;
          downSinceMs = Date.now();
          if (!signal.aborted) this.#back = Promise.withResolvers();
        }
        line.close();
      } else this.#back ??= Promise.withResolvers();
      sure = false;
      await sleep(restMs, signal).catch(() => undefined);
      restMs = Math.min(restMs * 2, limits.envdReturnMaxMs);
    }
  }

  #markUp(): void {
    this.#back?.resolve();
    this.#back = undefined;
  }

  async #reassure(downSinceMs: number): Promise<boolean> {
    const { signal } = this.#stop;
    try {
      if (!(await this.#calls.hasIdentity(signal))) {
        await this.#calls.restoreIdentity(signal);
        this.#calls.onRestored(Date.now() - downSinceMs);
      }
      return true;
    } catch {
      return false;
    }
  }
}

const HELLO = "GET /health HTTP/1.1\r\nHost: envd\r\n\r\n";

type Line = { readonly closed: Promise<void>; close(): void };

async function openLine(address: string, signal: AbortSignal): Promise<Line | undefined> {
  const closed = Promise.withResolvers<void>();
  let socket: Socket<undefined> | undefined;
  const close = (): void => {
    socket?.terminate();
    closed.resolve();
  };
  try {
    socket = await Bun.connect<undefined>({
      hostname: address,
      port: ENVD_PORT,
      socket: {
        // Servers on Linux commonly put off accepting until the client has spoken (TCP_DEFER_ACCEPT); such a half-taken
        // connection would outlive the server without a sign. So it asks one thing and then stays.
        open: (opened) => void opened.write(HELLO),
        data: () => undefined,
        end: close,
        close: () => closed.resolve(),
        error: close,
        connectError: () => closed.resolve(),
      },
    });
  } catch {
    return undefined;
  }
  if (signal.aborted) {
    close();
    return undefined;
  }
  signal.addEventListener("abort", close, { once: true });
  void closed.promise.then(() => signal.removeEventListener("abort", close));
  return { closed: closed.promise, close };
}
