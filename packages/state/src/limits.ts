/** Every bound of the store. */
export const limits = {
  /** How long one Redis command may take before it counts as unavailable. */
  commandMs: 2_000,
  /** A start that takes longer than this has died (starts themselves end at 60 s). */
  reservationMs: 90_000,
  /** An owner that has not been heard of for this long is dead; owners call every third of it. */
  transitionMs: 15_000,
  /** How long joiners on other replicas can still learn an outcome. */
  outcomeMs: 60_000,
  /** A kill waits this long for a pause or snapshot, then takes over. */
  killWaitMs: 60_000,
  /** What could not be ended when due is tried again after this. */
  retryDueMs: 1_000,
  /** Tries of one optimistic update. */
  updateTries: 64,
  /** Waiters look this often, from the first to the last. */
  pollFromMs: 5,
  pollToMs: 100,
} as const;

export type StateLimits = { readonly [K in keyof typeof limits]: number };
