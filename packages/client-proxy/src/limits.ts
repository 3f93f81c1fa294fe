/** Every bound of client-proxy; those of a connection are the proxy package's. */
export const limits = {
  /** One resume, waiting for a transition included (the api waits three times a minute at most). */
  resumeMs: 200_000,
  /** Questions to the api under way at once; those of one sandbox by the same caller count once. */
  resumesAtOnce: 128,
  /** Questions waiting for their turn; further ones are answered 503. */
  resumesWaiting: 4_096,
  /** File URLs that name no sandbox: questions to the api a second, and at once. Further ones are answered 429. */
  signersPerSecond: 20,
  signersBurst: 40,
  signerMs: 5_000,
  /** Signatures whose sandbox is remembered, and for how long. */
  signersKept: 1_024,
  signersKeptMs: 60_000,
} as const;
