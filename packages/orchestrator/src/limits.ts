/** Every bound of the node, with unit, reason, and what happens at it. */
export const limits = {
  /** Cold starts at once. More on two cores only makes all of them slower; the rest queue. */
  coldStartsAtOnce: 3,
  /** Warm machines being thawed and given their identity at once; more thrash and delay the first ones. */
  claimsAtOnce: 6,
  /** How long a cold start lets creates that have a warm machine go first, and how often it looks whether they have. */
  coldYieldMs: 2_000,
  coldYieldLookMs: 10,
  /** Creates that may wait for a cold start; one more is refused with ResourceExhausted. */
  coldStartsWaiting: 256,
  /** How long a create may wait for its turn; then ResourceExhausted, so that the API can try elsewhere. */
  coldStartWaitMs: 30_000,
  /** A whole create, time in line included; then it is undone and answered DeadlineExceeded. */
  createMs: 60_000,
  /** Writing a sandbox down, disk and memory: 16 GiB on a slow disk. Then it is thawed and runs on. */
  sealMs: 300_000,
  /** Sandboxes being written down at once; more would only keep each frozen for longer. */
  sealsAtOnce: 3,
  /** Layers of one machine. The kernel takes 500 in one overlay, and a build that no machine can be started from is a loss. */
  layersMax: 480,
  /** Removing builds, in an object store that answers slowly too. */
  removeMs: 10_000,
  /** Tries to thaw a machine that could not be sealed, and the rest between two. */
  thawTries: 5,
  thawRetryMs: 200,
  /** How long a request waits for a pause to end one way or the other. */
  pauseHoldMs: 30_000,
  /** Paused sandboxes' machines may together hold this part of the host's memory, */
  cachedMemoryShare: 0.25,
  /** and are given back, the longest unused first, while the host has less than this available. */
  cachedFloorBytes: 1024 * 1024 * 1024,
  /** How often that is looked at. */
  cachedRoundMs: 2_000,
  /** How long the answer to a seal is kept for who asks again. */
  sealAnswersMs: 24 * 3_600_000,
  /** Layers that nobody refers to are looked for this often, and a moment after builds were removed. */
  collectMs: 10 * 60_000,
  /** From "PID 1 runs" to the first answer of envd. Cold page cache on a busy host takes seconds. */
  envdUpMs: 30_000,
  /** Rest between two looks at a starting envd. */
  envdPollMs: 8,
  /** One look: a SYN sent before the guest's link is up is lost, so give up early and look again. */
  envdPollAttemptMs: 150,
  /** All attempts of one POST /init together. */
  initMs: 15_000,
  /** Asking the control plane for header values, in milliseconds; how often, and the rest between, while it does not know the
   * sandbox yet. */
  askValuesMs: 3_000,
  askValuesTries: 10,
  askValuesRestMs: 200,
  /** First attempt of POST /init; each further one may take twice as long, up to `initAttemptMaxMs`. */
  initAttemptMs: 1_000,
  initAttemptMaxMs: 3_000,
  /** So many times as long may each of these take where the guest is a virtual machine. */
  virtualPatience: 3,
  /** Processes in one sandbox: stops a fork bomb, far above what builds and browsers need. */
  pidsPerMachine: 8_192,
  /** Distinct (build, size) pairs kept warm; the one asked for longest ago yields. */
  warmShapes: 16,
  /** A pair nobody asked for in this time is let go, unless it is pinned by WARM_BUILDS. */
  warmIdleMs: 15 * 60_000,
  /** Host memory that must stay available; below it nothing is warmed. */
  warmFloorBytes: 768 * 1024 * 1024,
  /** Below this the pool gives machines back, one per round. */
  warmYieldBytes: 384 * 1024 * 1024,
  /** What one idle warm machine may cost while it settles; reserved before making one. */
  warmCostBytes: 96 * 1024 * 1024,
  /** What the ready machines of one build with sealed memory may cost together; one there may always be. */
  warmHeavyBytes: 1024 * 1024 * 1024,
  /** Calls for one build closer together than this are one occasion: a fork of many, a burst. */
  warmOccasionMs: 3_000,
  /** A quarter of the pool, and at least so many, is refilled in a hurry; */
  warmHurry: 4,
  /** the rest only once nobody has asked for a machine for this long, */
  warmQuietMs: 1_500,
  /** and resting after each start as long as it took, at most so long. */
  warmPaceMaxMs: 500,
  /** Longest time refilling steps back for creates in flight; a steady stream must not starve the pool. */
  warmStepBackMs: 1_000,
  /**
   * From ready to frozen. Longer than envd's idle time (3 s), after which it collects its garbage: frozen before that, it
   * would collect when claimed, which trebles the processor time of a claim (3 -> 9 ms).
   */
  warmSettleMs: 4_000,
  /** One part of the rehearsal of a warm machine. */
  rehearsalMs: 3_000,
  /** Rest between two rounds of the pool when nobody asks. */
  warmRoundMs: 5_000,
  /** After a failed warm start: wait this long before the next try of the same pair. */
  warmRetryMs: 10_000,
  /** Rest between two tries to reach an envd that went away; grows from the first to the second number. */
  envdReturnMinMs: 15,
  envdReturnMaxMs: 1_000,
  /** How long a proxied request to envd waits for an envd that is being restarted. */
  envdHoldMs: 5_000,
  /** Of an answer of a guest's envd to the node: a sandbox's environment variables, as large as creating it allows. */
  guestAnswerBytes: 4 * 1024 * 1024,
  /** One look at a restarted envd's identity. */
  envdIdentityMs: 2_000,
  /** Killed machines whose remains are cleared away at once; more would take the processor from who is at work. */
  clearingsAtOnce: 3,
  /** Rest between tries to end a machine that would not end. */
  endRetryMs: 3_000,
  /** Slots beyond what sandboxes and stock need, for machines that are just being taken down. */
  endingSlots: 64,
  /** Adopting machines at start: this many at once. */
  adoptionsAtOnce: 8,
  /** How long the trial of microVMs may hold up the node's start, where nobody asked for them by name. */
  autoProbeMs: 30_000,
  /** A warm machine must answer within this time to be taken over after a restart. */
  adoptWarmMs: 3_000,
  /** How often a sandbox is measured and its daemon's output read. Clients expect a row every 5 s. */
  sampleMs: 4_900,
  /** From first seeing a sandbox to its first sample; CPU is measured over this time. */
  firstSampleMs: 900,
  /** How often it is seen who is due. */
  observeTickMs: 1_000,
  samplesAtOnce: 4,
  /** Samples and lines kept for who asks: about three minutes of 200 sandboxes, or a burst of lines. */
  observedKept: 8_000,
  /** About so much per answer; the rest by the next. */
  observeAnswerBytes: 512 * 1024,
  /** Of one sandbox's output per look; what lies further behind is skipped, and a line says so. */
  guestOutputBytes: 64 * 1024,
  /** Lines of one sandbox: so many at once, so many more per look. */
  guestLinesBurst: 500,
  guestLinesPerLook: 50,
  guestLineChars: 4_096,
  guestLineFields: 16,
  /** How old a line may say it is; older or from the future, it gets the time of reading. */
  guestClockSlackMs: 10 * 60_000,
} as const;
