import type { Clock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";

export type ContainerRuntimeConfig = {
  /** The node's own directory; machines, uppers, layers and id ranges live below it. One runtime per directory. */
  readonly nodeDir: string;
  /** Names this installation in cgroups and chooses its region of user ids; 4 of [a-z0-9]. */
  readonly tag: string;
  /** The static host-side helper, `dist/launcher`. */
  readonly launcherPath: string;
  /** Newest layer of every machine: `usr/lib/sandlot/{init,envd,…}`, owned by root. */
  readonly guestLayerDir: string;
  /** Ready writable disks kept per disk size. */
  readonly upperPoolSize: number;
  /** Disk sizes to keep ready from the start; others get a pool when first asked for. */
  readonly warmDiskMiB?: readonly number[];
  /** Where an lxcfs is mounted, so that /proc/meminfo and friends tell of the machine. Absent: they tell of the host. */
  readonly lxcfsDir?: string;
  /** CRIU from 4.2.1 on; absent, machines cannot be sealed with their memory. */
  readonly criuPath?: string;
  /** For tests: mount layers through loop devices as kernels before 6.12 need it. */
  readonly forceLoopLayers?: boolean;
  /** For tests: make overlays by paths as kernels before 6.13 need it. */
  readonly forceOverlayPaths?: boolean;
  /** For tests: leave a v2 hierarchy alone as if only v1 were mounted. */
  readonly forceCgroupsV1?: boolean;
};

export type ContainerRuntimeParts = {
  readonly log: Logger;
  readonly clock: Clock;
};
