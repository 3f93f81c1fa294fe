/**
 * What a machine can do, whatever isolates it. The orchestrator speaks only this; `container`, `qemu` and
 * `firecracker` implement it and pass the suite in `./conformance`.
 */

/** Stable name of one machine on a node; also the name of its run directory. Not the sandbox id: a warm machine has none yet. */
export type MachineId = string;

/** A sealed build: what a machine is started from. Layers lie newest first, as read-only images or directories. */
export type SealedBuild = {
  readonly buildId: string;
  readonly layers: readonly LayerRef[];
};

export type LayerRef =
  | { readonly kind: "erofs"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string };

export type MachineLimits = {
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly pidsMax: number;
};

/** The network place a machine is plugged into. Made and owned by `network`; a runtime only enters it. */
export type MachineSlot = {
  /** Path of the host-owned network namespace that holds the slot's uplink and rules. */
  readonly netnsPath: string;
  /** The address under which the node reaches the guest: unique outside, e.g. 10.12.0.3. */
  readonly address: string;
  /** Constant inside: the guest's own address with prefix, and its gateway. */
  readonly guestCidr: string;
  readonly guestGateway: string;
  /** Name of the link the runtime must make inside `netnsPath`, facing the guest's eth0. */
  readonly hostLink: string;
  readonly mtu: number;
};

export type StartMachine = {
  readonly machineId: MachineId;
  readonly build: SealedBuild;
  readonly limits: MachineLimits;
  readonly slot: MachineSlot;
  readonly hostname: string;
};

export type RuntimeCapabilities = {
  readonly memorySnapshots: boolean;
  readonly filesystemSnapshots: boolean;
  readonly diskLimit: boolean;
  readonly nestedContainers: boolean;
  readonly hardwareIsolation: boolean;
};

/** Whether this host can run the runtime, proven by a real start; `problems` say what is missing and how to cure it. */
export type RuntimeProbe = {
  readonly usable: boolean;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
};

export type MachineStats = {
  readonly cpuUsedMicros: number;
  readonly memoryUsedBytes: number;
  readonly memoryCacheBytes: number;
  readonly memoryLimitBytes: number;
  readonly diskUsedBytes: number;
  readonly diskLimitBytes: number;
  readonly pids: number;
};

/** `sizeBytes` is all there is by now; smaller than before when somebody inside has cut it. */
export type MachineOutput = { readonly bytes: Uint8Array; readonly sizeBytes: number };

/** Why and how a machine ended. `exitCode` is PID 1's, or 128 + signal. */
export type MachineEnd = { readonly exitCode: number; readonly outOfMemory: boolean };

/** A live machine. It outlives the process that started it; dispose of nothing to let it live on. */
export type Machine = {
  readonly machineId: MachineId;
  readonly address: string;
  /** Stops every process within milliseconds, memory kept. Idempotent. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stats(): Promise<MachineStats>;
  /**
   * What PID 1 and the daemon wrote to their standard output, from a byte on. The machine's root can write there too, so
   * the bytes are a stranger's. Empty when the machine has ended or has no such output.
   */
  readOutput(of: { fromByte: number; maxBytes: number }): Promise<MachineOutput>;
  /** Settles when the machine has ended, whoever ended it; never rejects. */
  readonly ended: Promise<MachineEnd>;
  /**
   * Kills every process; resolves when none is left, while what the machine held may still be being given back. `end`
   * must follow. Idempotent.
   */
  kill(): Promise<void>;
  /** Kills every process and gives back mounts, cgroups, disk and id range. Idempotent, resolves when nothing is left. */
  end(): Promise<void>;
};

export type Runtime = AsyncDisposable & {
  readonly name: "container" | "qemu" | "firecracker";
  readonly capabilities: RuntimeCapabilities;
  probe(signal: AbortSignal): Promise<RuntimeProbe>;
  /** Brings a machine up to "PID 1 runs and is starting envd"; the caller waits for envd over the slot address.
   * On failure or abort nothing is left. */
  start(request: StartMachine, signal: AbortSignal): Promise<Machine>;
  /** Machines of this node's data directory that still live, for re-adoption after a restart. */
  list(): Promise<Machine[]>;
  /** Removes whatever earlier runs left (mounts, cgroups, loop devices, disks, run directories) except `keep`. */
  sweep(keep: ReadonlySet<MachineId>): Promise<void>;
};
