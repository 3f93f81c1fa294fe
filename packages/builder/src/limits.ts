/** Every bound of the builder. */
export const limits = {
  /** Builds that may wait; the next one is refused. */
  waiting: 256,
  /** One build from its turn to its end. */
  buildMs: 3_600_000,
  stepMs: 3_600_000,
  /** Fetching and preparing a base image. */
  baseMs: 600_000,
  readyMs: 600_000,
  /** Between two looks of the ready command: quick at first, then this. */
  readyGapMs: 2_000,
  readyFirstGapMs: 200,
  /** Ready command of a template that names none, with and without a start command. */
  defaultReadySeconds: { withStart: 20, without: 0 },
  /** Our own small scripts inside the machine. */
  scriptMs: 60_000,
  /** Sealing one machine. */
  sealMs: 300_000,
  /**
   * When what a machine has written since its start grows beyond this, the next step gets a machine that starts from the seal:
   * each seal writes all of it again.
   */
  growBytes: 48 * 1024 * 1024,

  /** Cached steps and uploads that nobody has used for so long are forgotten; how often that is looked for. */
  cacheKeepMs: 14 * 24 * 3_600_000,
  /** Often where that costs nothing; looking through a bucket does. */
  cacheTrimMs: { local: 10 * 60_000, s3: 6 * 3_600_000 },
  /** Of all teams' cached layers together, and of their uploads: beyond it those go whose last use is longest ago. */
  cacheBytes: 20 * 1024 ** 3,
  /** An entry is marked as used at most this often. */
  cacheTouchMs: 24 * 3_600_000,

  /** Lines of one build; further ones of commands are dropped, with one line that says so. */
  logLines: 50_000,
  /** Entries of one status answer, and how long it may wait for the first. */
  statusEntries: 2_000,
  statusWaitMs: 20_000,
  /** One look into the build cache. */
  lookMs: 10_000,
  /** behaviour.md §5.2: how long an upload link holds. */
  uploadLinkSeconds: 30 * 60,
  /** One line of a command's output; what is beyond goes into the next line. */
  lineChars: 8_192,
  /** How long a finished build is remembered for those who still read its log. */
  keepFinishedMs: 900_000,
  keepFinished: 200,
  /** Lines of a failed command that its reason carries. */
  lastLines: 10,

  /** Sending the files of one COPY step into the machine. */
  uploadMs: 600_000,
  /** One message of the envd inside: who answers there may be anybody's program. */
  guestMessageBytes: 4 * 1024 * 1024,
  /** What an own script may answer. */
  scriptAnswerChars: 256 * 1024,
  /** Making a finished build for one more runtime, software emulation on a busy host included. */
  bakeMs: 300_000,
} as const;
