/** Ends sandboxes when their time is over: one timer for the next end, set by whoever moves one. No rows are polled. */
import type { Clock } from "@sandlot/lifetime";
import { Gate } from "@sandlot/lifetime";
import type { SandboxRecord, SandboxStore } from "@sandlot/state";
import { limits } from "../limits";

export type ExpiryWatch = AsyncDisposable & {
  /** Says that something ends at this time. */
  arm(endsAtMs: number): void;
};

/**
 * @param expire ends one sandbox; it may throw, the sandbox is then due again
 */
export function startExpiry(of: {
  store: Pick<SandboxStore, "expired" | "nextExpiryMs">;
  clock: Clock;
  expire: (record: SandboxRecord) => Promise<void>;
  onError: (thrown: unknown) => void;
}): ExpiryWatch {
  const { store, clock, expire, onError } = of;
  const gate = new Gate(limits.expiriesAtOnce);
  const ending = new Map<string, Promise<void>>();
  let timer: Disposable | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let looking: Promise<void> | undefined;
  let isStopped = false;

  function arm(atMs: number): void {
    if (isStopped || atMs >= timerAtMs) return;
    timer?.[Symbol.dispose]();
    timerAtMs = atMs;
    const delayMs = Math.min(Math.max(atMs - clock.nowMs(), 0), limits.expiryLookMs);
    timer = clock.after(delayMs, () => {
      timerAtMs = Number.POSITIVE_INFINITY;
      looking = look().finally(() => {
        looking = undefined;
      });
    });
  }

  async function look(): Promise<void> {
    // Whatever happens, there is a next look: other replicas move ends too.
    let nextMs = clock.nowMs() + limits.expiryLookMs;
    try {
      for (const record of await store.expired(clock.nowMs(), limits.expiryBatch)) begin(record);
      const dueMs = await store.nextExpiryMs();
      // Those being ended stay in the index for a moment; looking at them again at once would spin.
      const restMs = clock.nowMs() + 20;
      if (dueMs !== undefined) nextMs = Math.min(nextMs, dueMs > clock.nowMs() ? dueMs : restMs);
    } catch (thrown) {
      onError(thrown);
      nextMs = clock.nowMs() + 1_000;
    }
    arm(nextMs);
  }

  function begin(record: SandboxRecord): void {
    const key = `${record.teamId}/${record.sandboxId}`;
    if (ending.has(key)) return;
    const work = gate
      .run(() => expire(record))
      .catch(onError)
      .finally(() => ending.delete(key));
    ending.set(key, work);
  }

  arm(clock.nowMs());
  return {
    arm,
    async [Symbol.asyncDispose]() {
      isStopped = true;
      timer?.[Symbol.dispose]();
      await looking;
      await Promise.all(ending.values());
    },
  };
}
