/** What the builder asks of its node. The orchestrator implements it; tests have a stand-in. */
import type { MachineEnd, Seal } from "@sandlot/runtime-contract";
import type { RuntimeName } from "@sandlot/storage";

export type StartBuildMachine = {
  /** `b` and 20 characters: the machine's identity while it builds. */
  readonly sandboxId: string;
  readonly teamId: string;
  readonly templateId: string;
  /** A build in the artifact store; its disk is what the machine starts from. Memory it may have is left alone. */
  readonly fromBuildId: string;
  /** The build that is being made: for the machine's own files and variables. */
  readonly buildId: string;
  readonly runtime: RuntimeName;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
};

/**
 * A machine that builds. Its envd has answered and got an `/init` without a token (user `root`, no variables, the node's
 * certificates and proxy), so `http://<address>:49983` serves whoever reaches the slot: the node alone. Traffic from outside
 * never gets there, since no sandbox of its id is in any catalog. It may reach the internet as any sandbox may.
 * Disposing of it ends it and gives everything back. Journaled: a restart of the node ends it.
 */
export type BuildMachine = AsyncDisposable & {
  readonly address: string;
  /** Settles when the machine has ended, whoever ended it; never rejects. */
  readonly ended: Promise<MachineEnd>;
  /**
   * Freezes it, writes what it is now into an empty directory, thaws it. Writes that were answered inside are in the seal.
   * @throws Fault `machine_unsealable`, `machine_seal_failed`
   */
  seal(of: { directory: string; memory: boolean }, signal: AbortSignal): Promise<Seal>;
  /** Name below `guest/` of the guest layer it lies on: a manifest with memory names it. */
  readonly guestLayer: string;
  /** Of the envd inside. */
  readonly envdVersion: string;
};

export type BuildMachines = {
  /** What machines can be made by here, the default first. */
  readonly runtimes: readonly RuntimeName[];
  /** Name below `guest/` of the guest layer that machines get here now. */
  readonly guestLayer: string;
  /** Version of the guest's kernel; undefined where it is the host's. */
  kernelOf(runtime: RuntimeName): string | undefined;
  /** Why `seal` with memory would be refused; undefined when it would not. Asked anew for every build. */
  memoryProblem(runtime: RuntimeName): string | undefined;
  /**
   * Starts a machine from what was sealed of a build, and ends it: why its memory is of no use on this host, undefined when it is.
   * @throws whatever else a start throws; nothing of it stays
   */
  whyUnrestorable(
    of: Pick<StartBuildMachine, "runtime" | "cpuCount" | "memoryMiB" | "diskMiB"> & { buildId: string },
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Waits its turn among the node's cold starts. @throws whatever a start throws; nothing of it stays */
  start(of: StartBuildMachine, signal: AbortSignal): Promise<BuildMachine>;
};
