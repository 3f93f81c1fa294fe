import type { Clock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import type { ConfiguredVersion, Pinned } from "./binaries/versions";

export type FirecrackerRuntimeConfig = {
  /** The node's own directory for this runtime alone; machines, disks, memories and binaries live below it. */
  readonly nodeDir: string;
  /** Names this installation in cgroups and chooses its user ids; 4 of [a-z0-9]. */
  readonly tag: string;
  /** Lies on top of every build's layers: `usr/lib/sandlot/{init,envd,…}`. */
  readonly guestLayerDir: string;
  /** One kernel as provisioning left it: `vmlinux`, `modules.erofs`, `boot/`, `kernel.json`. */
  readonly kernelDir: string;
  /** The guest's first program, `dist/vm-init`. */
  readonly guestInitPath: string;
  /** Firecracker and its jailer, newest first: the first starts new machines, the others resume what they sealed. */
  readonly versions: readonly ConfiguredVersion[];
  /** Another ELF in the place of `kernelDir`'s `vmlinux`; it must fit the modules there. */
  readonly kernel?: Pinned;
  /** What every machine may read and write per second; absent, as much as there is. */
  readonly rates?: RateLimits;
  /** For tests: what stands for `/dev/kvm`. */
  readonly kvmPath?: string;
};

export type RateLimits = {
  readonly diskBytesPerSecond?: number;
  readonly diskOperationsPerSecond?: number;
  readonly networkBytesPerSecond?: number;
};

export type FirecrackerRuntimeParts = { readonly log: Logger; readonly clock: Clock };
