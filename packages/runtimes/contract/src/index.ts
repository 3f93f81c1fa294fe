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

/**
 * A tree of files as a read-only image or a directory, or (a disk) what one microVM has changed on its own. Disks lie on top of
 * all trees, the newest first, each made on exactly those below it; a runtime refuses every kind that it does not know.
 */
export type LayerRef =
  | { readonly kind: "erofs"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: DiskKind; readonly path: string };

/** `qcow2` of qemu, `raw-diff` of firecracker. */
export type DiskKind = "qcow2" | "raw-diff";

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

/** One file of a seal, by its name inside the seal's directory. */
export type SealedFile = { readonly name: string; readonly sizeBytes: number; readonly sha256: string };

/** Processes and memory as a runtime wrote them. Only a runtime of the same name and format reads them. */
export type SealedMemory = {
  readonly runtime: Runtime["name"];
  /** Changes whenever an older reader could not restore it; `start` refuses what it does not know. */
  readonly format: string;
  readonly files: readonly SealedFile[];
};

/** A machine's own disk, to lie on top of the layers it was started from: a tree of files, or a microVM's disk. */
export type SealedLayer = SealedFile & {
  readonly kind: "erofs" | DiskKind;
  /** A disk that holds all that those below it do: it lies on the trees alone, and the chain does not become longer. */
  readonly replacesDisks?: true;
};

/** What a machine was at one moment. Complete on the disk (synced) when `seal` answers with it. */
export type Seal = {
  readonly layer: SealedLayer;
  /** Absent when only the disk was asked for. Its files lie in `memory/` of the directory. */
  readonly memory?: SealedMemory;
};

export type SealRequest = {
  /** An empty directory made by the caller, on the disk of the artifacts. After a failure the caller removes it. */
  readonly directory: string;
  readonly memory: boolean;
  /**
   * Called once all is written down, before it is synced and hashed: from then on the machine may be thawed, whatever
   * becomes of the seal. What it throws fails the seal.
   */
  readonly onWritten?: () => Promise<void>;
};

/** Brings a machine up from sealed memory instead of from its init. Its `build.layers[0]` is the layer sealed with it. */
export type RestoreFrom = {
  /** Directory with the files that `memory` names. Never changed, may serve many restores at once. */
  readonly directory: string;
  readonly memory: SealedMemory;
  /**
   * `keep` for the same sandbox again (a resume); `new` for another one (fork, template): before a process inside runs
   * again it has a new machine id, boot id, hostname and kernel randomness it can notice.
   */
  readonly identity: "keep" | "new";
};

export type StartMachine = {
  readonly machineId: MachineId;
  readonly build: SealedBuild;
  readonly restore?: RestoreFrom;
  /** Directory that lies on top of the build's layers (init, envd); the runtime's own when absent. Sealed memory needs the one it was sealed with. */
  readonly guestLayerDir?: string;
  readonly limits: MachineLimits;
  readonly slot: MachineSlot;
  readonly hostname: string;
};

/** Settled by `probe`; before it, what the runtime believes without a proof. */
export type RuntimeCapabilities = {
  readonly memorySnapshots: boolean;
  /** Why not, and what cures it. */
  readonly memorySnapshotsProblem?: string;
  readonly filesystemSnapshots: boolean;
  readonly diskLimit: boolean;
  readonly nestedContainers: boolean;
  readonly hardwareIsolation: boolean;
};

/** What its machines are walled in by, for people and for what is written down of a build. Settled by `probe`, as the capabilities. */
export type RuntimeFacts = {
  /** Of a virtual machine: whether the processor runs its instructions, or a program does. */
  readonly acceleration?: "kvm" | "tcg";
  /** One line: what lies between a sandbox and this host. */
  readonly isolation?: string;
  /** Version of the guest's kernel; absent where it is the host's. */
  readonly kernel?: string;
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
  /** What it was started from, newest first, without the guest layer. A seal's layer goes on top of these. */
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  /** Stops every process within milliseconds, memory kept. Idempotent. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /**
   * Writes what the machine is now, memory included when asked, into a directory. The machine must be frozen and stays
   * frozen, alive and unharmed, whether this succeeds or fails: thaw it to go on, end it to let it go.
   * @throws Fault `machine_unsealable` when its processes cannot be written down (io_uring, traced processes, …),
   *   `machine_seal_failed` for everything else (disk full, helper died); nothing is left but what lies in the directory.
   */
  seal(request: SealRequest, signal: AbortSignal): Promise<Seal>;
  stats(): Promise<MachineStats>;
  /**
   * What PID 1 and the daemon wrote to their standard output, from a byte on. The machine's root can write there too, so
   * the bytes are a stranger's. Empty when the machine has ended or has no such output.
   */
  readOutput(of: { fromByte: number; maxBytes: number }): Promise<MachineOutput>;
  /**
   * What a program inside finds at the metadata address: this and nothing else. Absent where a runtime has no such address.
   * It is not part of a seal.
   */
  setMetadata?(metadata: Readonly<Record<string, string>>): Promise<void>;
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
  /** Absent: its machines are processes of this host, walled in by its kernel. */
  readonly facts?: RuntimeFacts;
  probe(signal: AbortSignal): Promise<RuntimeProbe>;
  /** Brings a machine up to "PID 1 runs and is starting envd"; the caller waits for envd over the slot address.
   * On failure or abort nothing is left. With `restore` all its processes run on as they were sealed.
   * @throws Fault `machine_seal_unreadable` when the seal is of another runtime or format, damaged or incomplete */
  start(request: StartMachine, signal: AbortSignal): Promise<Machine>;
  /** Machines of this node's data directory that still live, for re-adoption after a restart. */
  list(): Promise<Machine[]>;
  /** Removes whatever earlier runs left (mounts, cgroups, loop devices, disks, run directories) except `keep`. */
  sweep(keep: ReadonlySet<MachineId>): Promise<void>;
};

export { machineFaults } from "./faults";
export { layersBelow } from "./layers-below";
