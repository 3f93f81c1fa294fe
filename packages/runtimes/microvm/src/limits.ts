/** Every bound of this package, with its unit and reason. */
export const limits = {
  /** How long a guest may take until its agent answers, from connecting on, in milliseconds; 3 s are normal under emulation on a quiet machine. */
  helloMs: 60_000,
  /** After so long an unanswered hello is said again, in milliseconds; after twice as long each next time. */
  helloAgainMs: 100,
  /** At most so long until it is said again, in milliseconds. */
  helloAgainMostMs: 2_000,
  /** How long any other answer may take, in milliseconds; the guest gives up by itself after 5 s. */
  answerMs: 10_000,
  /** Rest between two tries to connect, in milliseconds. */
  reconnectGapMs: 20,
  /** How often files are brought to the disk ahead of a freeze, 5 s each at most, until that is left to the freeze itself. */
  syncRounds: 12,
  /** How often the clock is set until an answer comes quickly. */
  clockRounds: 3,
  /** An answer within this says that the clock is right to half of it, in milliseconds. */
  clockGoodMs: 6,
  /** Most output that is read at once, in bytes: an answer holds 64 KiB. */
  outputBytes: 48 * 1024,
} as const;
