import { sleep } from "@sandlot/lifetime";

/** Asks again and again, more and more slowly, until `look` finds something or the signal aborts. */
export async function pollUntil<T>(
  look: () => Promise<T | undefined>,
  of: { pollFromMs: number; pollToMs: number; signal?: AbortSignal | undefined },
): Promise<T> {
  for (let gapMs = of.pollFromMs; ; gapMs = Math.min(gapMs * 2, of.pollToMs)) {
    of.signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    await sleep(gapMs, of.signal);
  }
}

/** Callers of one process that wait for the same thing share one poller, so that a storm of them costs Redis nothing. */
export class SharedPolls<T> {
  readonly #running = new Map<string, Promise<T>>();

  join(key: string, start: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const mine = start().finally(() => this.#running.delete(key));
    this.#running.set(key, mine);
    return mine;
  }
}

/** The promise, or the signal's reason if that comes first. The work itself goes on, and how it ends is nobody's affair then. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  work.catch(() => undefined);
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
