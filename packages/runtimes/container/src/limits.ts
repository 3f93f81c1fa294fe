/** Every bound of this package, with its unit and reason. */
export const limits = {
  /** Starts at work at once; more would only wait for the kernel's mount and network locks. */
  startsAtOnce: 8,
  /** Disk sizes that keep a pool; further ones are made when asked for. */
  pooledDiskSizes: 4,
  /** Mounted layers that no machine uses, kept for the next; more are unmounted. */
  idleLayers: 64,
  /** How long a launcher may take to kill its machine until it is done from outside, in milliseconds. */
  killMs: 1_000,
  /** How long a whole seal may take in the helper until it is told to stop, in seconds. */
  sealSeconds: 120,
  /** How long each step of the proof that memory can be sealed may take, in milliseconds; 50 to 150 are normal. */
  proofMs: 15_000,
  /** How long a seal that an earlier process began may take to stop and put the machine right, in milliseconds. */
  sealStopMs: 45_000,
  /** Rest between looks at machines whose end no event tells (no v2 cgroup, launcher killed), in milliseconds. */
  endPollMs: 5_000,
  /** Rest between looks whether lxcfs has become another, in milliseconds. */
  lxcfsLookMs: 1_000,
  /** How long showing one machine another lxcfs may take, in milliseconds; a few are normal. */
  lxcfsRenewMs: 3_000,
} as const;
