import { mkdir, readFile, rm } from "node:fs/promises";
import { Gate } from "@sandlot/lifetime";
import type {
  Machine,
  MachineId,
  Runtime,
  RuntimeCapabilities,
  RuntimeFacts,
  RuntimeProbe,
  StartMachine,
} from "@sandlot/runtime-contract";
import { type CheckedFiles, type IdRanges, isAlive, type ProcessRecord } from "@sandlot/runtime-host";
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
import { checkNames, jailIdOf, type MachineRecord, machineIdsIn, placesOf, readRecord } from "./journal";
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
  readonly checked: CheckedFiles;
  readonly images: ImageDigests;
};

export class FirecrackerRuntime implements Runtime {
  readonly name = "firecracker";
  readonly #rooms: FirecrackerRooms;
  readonly #machines = new Map<MachineId, FirecrackerMachine>();
  readonly #starting = new Set<MachineId>();
  readonly #gate = new Gate(limits.startsAtOnce);
  #hostBootId: string | undefined;
  #found: ProbeFindings | undefined;

  constructor(rooms: FirecrackerRooms) {
    this.#rooms = rooms;
  }

  get capabilities(): RuntimeCapabilities {
    const works = this.#found?.problems.length !== 0 ? this.#found?.problems[0] : undefined;
    return {
      memorySnapshots: works === undefined,
      ...(works === undefined ? {} : { memorySnapshotsProblem: works }),
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
    checkNames(request);
    signal.throwIfAborted();
    return this.#gate.run(async () => {
      signal.throwIfAborted();
      const { machineId } = request;
      const { dir } = placesOf(this.#rooms.machinesDir, machineId);
      await mkdir(dir, { mode: 0o700 }).catch((thrown) => {
        if (thrown.code === "EEXIST") throw firecrackerFaults.exists({ machineId });
        throw thrown;
      });
      this.#starting.add(machineId);
      let userId: number | undefined;
      try {
        userId = await this.#rooms.ids.take(machineId);
        const hostBootId = await this.#bootId();
        const launched = await launchMachine({ rooms: this.#rooms, request, userId, hostBootId, signal });
        const machine = this.#adopt(launched.record, launched.process);
        void launched.exited.then(() => machine.look());
        return machine;
      } catch (thrown) {
        await this.#remove(machineId, userId).catch((left) =>
          this.#rooms.parts.log.error("a failed start left something behind", { machineId, thrown: left }),
        );
        throw thrown;
      } finally {
        this.#starting.delete(machineId);
      }
    });
  }

  async list(): Promise<Machine[]> {
    const found: Machine[] = [];
    for (const machineId of await machineIdsIn(this.#rooms.machinesDir)) {
      const machine = this.#machines.get(machineId) ?? (await this.#find(machineId));
      if (machine !== undefined && (await machine.isAlive())) found.push(machine);
    }
    return found;
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    const { cgroups, ids, machinesDir } = this.#rooms;
    const there = await machineIdsIn(machinesDir);
    const doomed = there.filter((name) => !keep.has(name) && !this.#starting.has(name));
    // What cannot be removed now keeps its directory, and so its id, until the next sweep; the others go on.
    const sweepOrTell = (machineId: MachineId): Promise<void> =>
      this.#sweepOne(machineId).catch((thrown) =>
        this.#rooms.parts.log.error("cannot remove what a machine left", { machineId, thrown }),
      );
    await Promise.all(doomed.map((machineId) => this.#gate.run(() => sweepOrTell(machineId))));
    const left = await machineIdsIn(machinesDir);
    const known = new Set([...left, ...this.#starting].map(jailIdOf));
    for (const jailId of await cgroups.names())
      if (!known.has(jailId)) await cgroups.remove(jailId).catch(() => undefined);
    await ids.sweep(new Set(left));
    await this.#trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines.values()) machine.leave();
    await this.#trim();
    await this.#rooms.cgroups.dispose();
  }

  async #find(machineId: MachineId): Promise<FirecrackerMachine | undefined> {
    const { dir } = placesOf(this.#rooms.machinesDir, machineId);
    const [record, process] = await Promise.all([readRecord(dir), findVmm(dir)]);
    if (record === undefined || process === undefined || record.hostBootId !== (await this.#bootId())) return undefined;
    // Half started ones are for whoever starts them, or for the sweep.
    if (this.#starting.has(machineId) || !record.isUp || !(await isAlive(process))) return undefined;
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
      remove: () => this.#remove(record.machineId, record.userId),
    });
    this.#machines.set(record.machineId, machine);
    return machine;
  }

  async #sweepOne(machineId: MachineId): Promise<void> {
    const machine = this.#machines.get(machineId);
    if (machine !== undefined) return machine.end();
    const record = await readRecord(placesOf(this.#rooms.machinesDir, machineId).dir);
    await this.#remove(machineId, record?.userId);
  }

  /** Ends a machine in whatever state it is and removes all that carries its name. */
  async #remove(machineId: MachineId, userId: number | undefined): Promise<void> {
    const { cgroups, ids, machinesDir, parts } = this.#rooms;
    const places = placesOf(machinesDir, machineId);
    const [record, process] = await Promise.all([readRecord(places.dir), findVmm(places.dir)]);
    if (process !== undefined && (await isAlive(process))) await killVmm({ process, machineId, clock: parts.clock });
    if (record?.slot != null) await removeTap(record.slot);
    await cgroups.remove(places.jailId);
    await rm(places.dir, { recursive: true, force: true });
    if (userId !== undefined) await ids.giveBack(userId);
    this.#machines.get(machineId)?.leave();
    this.#machines.delete(machineId);
  }

  async #trim(): Promise<void> {
    const inUse = new Set<string>();
    for (const machineId of await machineIdsIn(this.#rooms.machinesDir)) {
      const record = await readRecord(placesOf(this.#rooms.machinesDir, machineId).dir);
      for (const path of record?.files ?? []) inUse.add(path);
    }
    await this.#rooms.disks.trim(inUse, limits.idleFiles);
  }

  async #bootId(): Promise<string> {
    this.#hostBootId ??= (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return this.#hostBootId;
  }
}
