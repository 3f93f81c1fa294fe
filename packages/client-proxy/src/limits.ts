/** Every bound of client-proxy; those of a connection are the proxy package's. */
export const limits = {
  /** One resume, waiting for a transition included (the api waits three times a minute at most). */
  resumeMs: 200_000,
  /** Questions to the api under way at once; those of one sandbox by the same caller count once. */
  resumesAtOnce: 128,
  /** Questions waiting for their turn; further ones are answered 503. */
  resumesWaiting: 4_096,
} as const;
