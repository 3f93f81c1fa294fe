import type {
  Machine,
  MachineId,
  Runtime,
  RuntimeCapabilities,
  RuntimeFacts,
  RuntimeProbe,
  StartMachine,
} from "@sandlot/runtime-contract";
import {
  type CheckedFiles,
  HeldMachines,
  type IdRanges,
  isAlive,
  type ProcessRecord,
  requireNames,
} from "@sandlot/runtime-host";
import { FirecrackerApi } from "./api/client";
import type { Binaries } from "./binaries/binaries";
import type { FirecrackerRuntimeConfig, FirecrackerRuntimeParts } from "./config";
import type { FileCache } from "./disks/file-cache";
import type { ImageDigests } from "./disks/image-digests";
import { firecrackerFaults } from "./faults";
import { agentOf } from "./guest";
import type { JailCgroups } from "./jail/cgroups";
import { removeTap } from "./jail/tap";
import { findVmm, killVmm } from "./jail/vmm-process";
import { jailIdOf, type MachineRecord, placesOf } from "./journal";
import { launchMachine } from "./launch";
import { limits } from "./limits";
import { FirecrackerMachine } from "./machine";
import { type ProbeFindings, probeFirecrackerHost } from "./probe";
import { readProcessor } from "./seals/about";
import { sealMachine } from "./seals/seal";

export type FirecrackerRooms = {
  readonly config: FirecrackerRuntimeConfig;
  readonly parts: FirecrackerRuntimeParts;
  readonly machinesDir: string;
  readonly binaries: Binaries;
  readonly disks: FileCache;
  readonly cgroups: JailCgroups;
  readonly ids: IdRanges;
  /** Of this start of the host. */
  readonly bootId: string;
  readonly checked: CheckedFiles;
  readonly images: ImageDigests;
};

export class FirecrackerRuntime implements Runtime {
  readonly name = "firecracker";
  readonly #rooms: FirecrackerRooms;
  readonly #held: HeldMachines<FirecrackerMachine, MachineRecord>;
  #found: ProbeFindings | undefined;

  constructor(rooms: FirecrackerRooms) {
    this.#rooms = rooms;
    this.#held = new HeldMachines({
      machinesDir: rooms.machinesDir,
      dirMode: 0o700,
      startsAtOnce: limits.startsAtOnce,
      ids: rooms.ids,
      bootId: rooms.bootId,
      log: rooms.parts.log,
      exists: firecrackerFaults.exists,
      find: (machineId) => this.#find(machineId),
      hostIdOf: ({ userId }) => userId,
      clear: (machineId) => this.#clear(machineId),
    });
  }

  get capabilities(): RuntimeCapabilities {
    const problem = this.#found?.problems[0];
    return {
      memorySnapshots: problem === undefined,
      ...(problem === undefined ? {} : { memorySnapshotsProblem: problem }),
      filesystemSnapshots: true,
      diskLimit: true,
      nestedContainers: true,
      hardwareIsolation: true,
    };
  }

  get facts(): RuntimeFacts {
    const kernel = this.#found?.kernel;
    return {
      acceleration: "kvm",
      isolation: `virtual machine with a kernel of its own under Firecracker ${this.#rooms.config.versions[0]?.version ?? ""}, jailed`,
      ...(kernel === undefined ? {} : { kernel }),
    };
  }

  async probe(signal: AbortSignal): Promise<RuntimeProbe> {
    this.#found = await probeFirecrackerHost({ rooms: this.#rooms, signal });
    const { problems, notes } = this.#found;
    return { usable: problems.length === 0, problems, notes };
  }

  async start(request: StartMachine, signal: AbortSignal): Promise<Machine> {
    const { machineId } = request;
    requireNames(request, firecrackerFaults.bad_request);
    signal.throwIfAborted();
    return this.#held.start({ machineId, signal }, async ({ hostId }) => {
      const launched = await launchMachine({ rooms: this.#rooms, request, userId: hostId, signal });
      const machine = this.#adopt(launched.record, launched.process);
      void launched.exited.then(() => machine.look());
      return machine;
    });
  }

  list(): Promise<Machine[]> {
    return this.#held.list();
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    await this.#held.sweep(keep);
    await this.#sweepCgroups();
    await this.#trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.leave();
    await this.#trim();
    await this.#rooms.cgroups.dispose();
  }

  async #find(machineId: MachineId): Promise<FirecrackerMachine | undefined> {
    const dir = this.#held.dirOf(machineId);
    const [record, process] = await Promise.all([this.#held.readLiveRecord(machineId), findVmm(dir)]);
    if (record === undefined || process === undefined) return undefined;
    // One whose starter died before it was up is for the sweep.
    if (!record.isUp || !(await isAlive(process))) return undefined;
    return this.#adopt(record, process);
  }

  #adopt(record: MachineRecord, process: ProcessRecord): FirecrackerMachine {
    const { checked, machinesDir, parts } = this.#rooms;
    const places = placesOf(machinesDir, record.machineId);
    const api = new FirecrackerApi({
      jailId: places.jailId,
      root: places.root,
      clock: parts.clock,
      hasEnded: async () => !(await isAlive(process)),
    });
    const withAgent = agentOf(places.root);
    const machine = new FirecrackerMachine({
      record,
      places,
      process,
      api,
      clock: parts.clock,
      withAgent,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      seal: async (request, signal) => {
        const processor = await readProcessor();
        return sealMachine({ record, places, api, checked, processor, request }, signal);
      },
      remove: () => this.#held.remove(record.machineId, record.userId),
    });
    return this.#held.hold(machine);
  }

  /** Ends a machine in whatever state it is. */
  async #clear(machineId: MachineId): Promise<void> {
    const { cgroups, machinesDir, parts } = this.#rooms;
    const places = placesOf(machinesDir, machineId);
    const [record, process] = await Promise.all([this.#held.readRecord(machineId), findVmm(places.dir)]);
    if (process !== undefined && (await isAlive(process))) await killVmm({ process, machineId, clock: parts.clock });
    if (record?.slot != null) await removeTap(record.slot);
    await cgroups.remove(places.jailId);
  }

  /** Cgroups have the names of jails, which do not tell the machine's. */
  async #sweepCgroups(): Promise<void> {
    const { cgroups } = this.#rooms;
    const there = await cgroups.names(); // first: a machine has its directory before its cgroups
    const known = new Set((await this.#held.names()).map(jailIdOf));
    for (const jailId of there) if (!known.has(jailId)) await cgroups.remove(jailId).catch(() => undefined);
  }

  async #trim(): Promise<void> {
    const inUse = new Set<string>();
    for (const machineId of await this.#held.names()) {
      const record = await this.#held.readRecord(machineId);
      for (const path of record?.files ?? []) inUse.add(path);
    }
    await this.#rooms.disks.trim(inUse, limits.idleFiles);
  }
}
