import type { Clock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";

export type QemuRuntimeConfig = {
  /** This runtime's own directory, shared with no other runtime; machines, trees and ids live below it. */
  readonly nodeDir: string;
  /** Names this installation in cgroups and chooses its region of user ids; 4 of [a-z0-9]. */
  readonly tag: string;
  /** The static host-side helper, `dist/vm-launcher`. */
  readonly launcherPath: string;
  /** `dist/vm-memory.so`, which makes QEMU open a shared memory file for reading only. */
  readonly memoryLibraryPath: string;
  /** Newest layer of every machine: `usr/lib/sandlot/{init,envd,…}`, owned by root. */
  readonly guestLayerDir: string;
  /** One guest kernel's directory, as `@sandlot/runtime-microvm` lays it out. */
  readonly kernelDir: string;
  /** The guest's first program, `dist/vm-init`. */
  readonly guestInitPath: string;
  /** Images that are made once and kept: blank disks, layers out of directories. May be shared by installations. */
  readonly cacheDir: string;
  /** `auto` boots a trial machine on KVM and falls back to software. */
  readonly accelerator?: "auto" | "kvm" | "tcg";
  /** For tests: leave a v2 hierarchy alone as if only v1 were mounted. */
  readonly forceCgroupsV1?: boolean;
};

export type QemuRuntimeParts = {
  readonly log: Logger;
  readonly clock: Clock;
};

export const QEMU_PATH = "/usr/bin/qemu-system-x86_64";
