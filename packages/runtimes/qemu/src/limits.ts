/** Every bound of this package, with its unit and reason. */
export const limits = {
  /** Starts at work at once; under software emulation each takes a processor. */
  startsAtOnce: 4,
  /** How long a guest may take until its init runs, in milliseconds; 5 s alone, more when many start at once. */
  bootMs: 90_000,
  /** How long a trial on KVM may take until it counts as not working, in milliseconds; 1 s where it works. */
  kvmTrialMs: 8_000,
  /** How long QEMU may take to answer its monitor, in milliseconds; one is normal. */
  monitorMs: 10_000,
  /** How long the agent of a guest that has just been restored may take to say hello, in milliseconds; 100 alone, seconds when many start at once. */
  firstHelloMs: 60_000,
  /** How long the agent of a guest that is up may take to say hello, in milliseconds: a hostile one must not hold up its end for longer. */
  upHelloMs: 15_000,
  /** The same where only figures or output are wanted, in milliseconds: one that is late is a row less, and others wait behind it. */
  figuresHelloMs: 3_000,
  /** How long a guest that did not answer is not asked for such again, in milliseconds. */
  silentRestMs: 15_000,
  /** The longest line of the monitor's that is taken, in bytes; the largest answers we ask for have 20 KB. */
  monitorLineBytes: 4 * 1024 * 1024,
  /** How long a launcher may take to end its machine until it is done from outside, in milliseconds. */
  killMs: 1_000,
  /** Rest between looks at machines whose end no event tells, in milliseconds. */
  endPollMs: 5_000,
  /** Memory of QEMU's own beside the guest's: translated code, heap, page tables, in MiB; see README.md. */
  overheadMiB: 256,
  /** Threads of one QEMU beside its processors: main loop, RCU, workers for files. */
  vmmThreads: 72,
  /** Translated code kept, in MiB: filled only as code runs; with 32 a large program takes half as long again to start. */
  translationMiB: 128,
  /** What a qcow2 image may need beyond the disk it holds, in MiB. */
  imageExtraMiB: 256,
} as const;
