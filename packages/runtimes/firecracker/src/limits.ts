/** Every bound of this package, with its unit and reason. */
export const limits = {
  /** Starts at work at once; more would only wait for each other's disks. */
  startsAtOnce: 8,
  /** How long Firecracker may take until its API socket answers, in milliseconds; some 10 are normal. */
  apiReadyMs: 5_000,
  /** How long one request of the configuration may take, in milliseconds; under 10 are normal. */
  requestMs: 5_000,
  /** How long a snapshot may take to be written or loaded, in milliseconds: memory goes through the page cache. */
  snapshotMs: 120_000,
  /** The most that is read of an answer, in bytes; machine configurations are the longest and take a few thousand. */
  answerBytes: 256 * 1024,
  /** How long the guest may take until its agent answers after a boot, in milliseconds; some 500 with KVM are normal. */
  bootMs: 30_000,
  /** How long one look at a booting guest may take, in milliseconds. */
  bootLookMs: 500,
  /** How long the guest of a probe may take until it speaks, in milliseconds: where KVM is none, guests hang for ever. */
  trialMs: 10_000,
  /** How long the agent may take for one thing, in milliseconds. */
  agentMs: 10_000,
  /** How long a killed Firecracker may take to be gone, in milliseconds. */
  killMs: 10_000,
  /** Rest between looks at machines whose end no event tells, in milliseconds. */
  endPollMs: 2_000,
  /** What the serial console may hold until it is cut, in bytes: a guest can write there for ever. */
  consoleBytes: 1 << 20,
  /** Memory of Firecracker itself and of the kernel for one machine, beside the guest's own, in MiB. */
  overheadMiB: 64,
  /** Threads of Firecracker beside one per processor of the guest. */
  overheadThreads: 16,
  /** A memory diff above this share of the base's data is not kept: the next seal writes everything. */
  largestDiffShare: 0.5,
  /** Composed disks and memories that no machine uses, kept for the next; more are removed. */
  idleFiles: 32,
  /** Disks of seals that lie on each other until the next one is written whole; each is read once per start. */
  diskDiffs: 8,
  /** Images whose checksum is remembered; each costs some 200 bytes. */
  knownImages: 1_000,
  /** User ids of one installation. */
  idsPerTag: 512,
  /** First user id of the first installation: above those of containers and QEMU's machines. */
  firstUserId: 0x7f00_0000,
  /** Installations that the ids are spread over; the last id lies below 2^31, which some file systems treat as negative. */
  tagRegions: 16_384,
  /** How long fetching a binary may take, in milliseconds. */
  fetchMs: 300_000,
  /** Longest binary or kernel that is fetched, in bytes. */
  fetchBytes: 256 * 1024 * 1024,
} as const;
