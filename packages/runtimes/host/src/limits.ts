/** Every bound of this package, with its unit and reason. */
export const limits = {
  /** How long a freeze may take until it counts as failed, in milliseconds. */
  freezeMs: 5_000,
  /** After so long a freeze by v1 is tried anew at every look, in milliseconds; it takes less than one mostly. */
  freezeAgainMs: 60,
  /** How long a launcher that lives may take to write down how its machine ended, in milliseconds; one mostly, more on a busy host. */
  exitWrittenMs: 5_000,
} as const;

/** How user ids are dealt out: each installation has a region by its tag, each machine a range in it. */
export type IdPlan = {
  /** First host id of the first range. */
  readonly firstHostId: number;
  readonly idsPerRange: number;
  readonly rangesPerTag: number;
  /** Regions that tags are spread over. */
  readonly tagRegions: number;
};

/** Containers have 65536 ids each. Below lie users, /etc/subuid and systemd's dynamic users. */
export const CONTAINER_IDS: IdPlan = {
  firstHostId: 0x1000_0000,
  idsPerRange: 0x1_0000,
  rangesPerTag: 512,
  tagRegions: 55,
};

/** A VMM has one. They lie above all containers' and below 2^31, which some file systems treat as negative. */
export const VMM_IDS: IdPlan = { firstHostId: 0x7e00_0000, idsPerRange: 1, rangesPerTag: 4096, tagRegions: 4096 };
