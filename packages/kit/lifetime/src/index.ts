/** How long things live: clocks, timers that can be cancelled, deadlines, and the one guard a main needs. */

/** Time is handed in, so that tests can hold it. */
export type Clock = {
  nowMs(): number;
  /** Runs `then` once after `delayMs`; disposing of the result before that cancels it. */
  after(delayMs: number, then: () => void): Disposable;
};

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, then) {
    const timer = setTimeout(then, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Waits, and ends early with the signal's reason. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(done, delayMs);
    function done(): void {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** As `work` ends, or with the signal's reason if that comes first; the work itself goes on unheard. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Calls `work` again and again with `gapMs` of rest between two rounds, until disposed of. Never overlaps itself. */
export function every(
  gapMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  onError: (thrown: unknown) => void,
): AsyncDisposable {
  const stop = new AbortController();
  const loop = (async () => {
    while (!stop.signal.aborted) {
      await work(stop.signal).catch((thrown) => {
        if (!stop.signal.aborted) onError(thrown);
      });
      await sleep(gapMs, stop.signal).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("stopped"));
      await loop;
    },
  };
}

/** Lets at most `width` pieces of work run at once; the rest wait in order. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  constructor(width: number) {
    this.#free = width;
  }
  get waitingCount(): number {
    return this.#waiting.length;
  }
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** One piece of work per key at a time; a second caller of the same key waits for the first to end. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

/**
 * The life of a service process: start it, wait for SIGTERM or SIGINT, dispose of it.
 * A second signal, or ten seconds of disposing, ends the process by force. Sets the exit code, never exits otherwise.
 */
export async function runMain(
  start: (signal: AbortSignal) => Promise<AsyncDisposable>,
  forceAfterMs = 10_000,
): Promise<void> {
  const stop = new AbortController();
  const told = new Promise<void>((resolve) => {
    let count = 0;
    const onSignal = (): void => {
      count += 1;
      if (count > 1) process.exit(130);
      setTimeout(() => process.exit(process.exitCode ?? 1), forceAfterMs).unref();
      stop.abort(new Error("told to stop"));
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
  try {
    const service = await start(stop.signal);
    await told;
    await service[Symbol.asyncDispose]();
    process.exitCode = 0;
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  }
  // Handles that libraries keep open must not keep a finished service alive.
  setTimeout(() => process.exit(process.exitCode ?? 0), 500).unref();
}
