import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type {
  Machine,
  MachineId,
  Runtime,
  RuntimeCapabilities,
  RuntimeProbe,
  StartMachine,
} from "@sandlot/runtime-contract";
import {
  type Cgroups,
  endLaunched,
  formatLaunchConfig,
  HeldMachines,
  type IdRanges,
  isAlive,
  type LaunchPair,
  launch,
  launchConfigIn,
  readProcess,
  requireNames,
  runtimeFaults,
} from "@sandlot/runtime-host";
import type { ContainerRuntimeConfig, ContainerRuntimeParts } from "./config";
import { errorsOf } from "./criu-log";
import { containerFaults } from "./faults";
import { dropHostLimits } from "./host-limits";
import { type MachineRecord, writeMachine } from "./journal";
import { type LayerMounts, requireTrees } from "./layers";
import { limits } from "./limits";
import { ContainerMachine } from "./machine";
import { IMAGES_DIR, MemorySeals } from "./memory-seals";
import { probeContainerHost } from "./probe";
import type { UpperPool } from "./uppers";

/** A machine without a slot has only its loopback: what `probe` starts. */
export type StartRequest = Omit<StartMachine, "slot"> & {
  readonly slot: StartMachine["slot"] | null;
  /** `hold-connection`: instead of starting envd, init holds a TCP connection and tells at SIGTERM whether it still works. */
  readonly initArgument?: "hold-connection";
};

export type ContainerRuntimeRooms = {
  readonly config: ContainerRuntimeConfig;
  readonly parts: ContainerRuntimeParts;
  readonly dirs: { readonly machines: string; readonly devices: string };
  readonly cgroups: Cgroups;
  readonly uppers: UpperPool;
  readonly layers: LayerMounts;
  readonly ids: IdRanges;
  readonly lxcfs: AsyncDisposable | undefined;
  /** Of this start of the host. */
  readonly bootId: string;
};

export class ContainerRuntime implements Runtime {
  readonly name = "container";
  readonly #memory: MemorySeals;
  readonly #rooms: ContainerRuntimeRooms;
  readonly #held: HeldMachines<ContainerMachine, MachineRecord>;
  /** Layers of machines whose journal is not written yet. */
  readonly #mounted = new Map<MachineId, readonly string[]>();

  constructor(rooms: ContainerRuntimeRooms) {
    this.#rooms = rooms;
    this.#memory = new MemorySeals(rooms);
    this.#held = new HeldMachines({
      machinesDir: rooms.dirs.machines,
      dirMode: 0o755,
      startsAtOnce: limits.startsAtOnce,
      ids: rooms.ids,
      bootId: rooms.bootId,
      log: rooms.parts.log,
      exists: containerFaults.exists,
      find: (machineId) => this.#adopt(machineId),
      hostIdOf: ({ idBase }) => idBase,
      clear: (machineId) => this.#clear(machineId),
      otherNames: () => rooms.cgroups.names(),
      removed: () => this.#trimLayers(limits.idleLayers),
    });
  }

  get capabilities(): RuntimeCapabilities {
    return { ...this.#memory.capabilities, diskLimit: true, nestedContainers: false, hardwareIsolation: false };
  }

  async probe(signal: AbortSignal): Promise<RuntimeProbe> {
    const { cgroups, config } = this.#rooms;
    const start = (request: StartRequest): Promise<ContainerMachine> => this.#startOne(request, signal);
    const probe = await probeContainerHost({ config, cgroupKind: cgroups.kind, start });
    return probe.usable ? { ...probe, notes: [...probe.notes, ...(await this.#memory.prove(start, signal))] } : probe;
  }

  start(request: StartMachine, signal: AbortSignal): Promise<Machine> {
    return this.#startOne(request, signal);
  }

  list(): Promise<Machine[]> {
    return this.#held.list();
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    await this.#held.sweep(keep);
    await this.#trimLayers(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.leave();
    await this.#rooms.lxcfs?.[Symbol.asyncDispose]();
    await this.#rooms.uppers[Symbol.asyncDispose]();
    await this.#trimLayers(0);
    await this.#rooms.cgroups.dispose();
    if ((await this.#held.names()).length === 0) await dropHostLimits(this.#rooms.config.tag);
  }

  async #startOne(request: StartRequest, signal: AbortSignal): Promise<ContainerMachine> {
    const { machineId } = request;
    requireNames(request, containerFaults.bad_request);
    requireTrees(request.build.layers);
    signal.throwIfAborted();
    return this.#held.start({ machineId, signal }, async ({ dir, hostId }) => {
      try {
        return await this.#launch({ request, dir, idBase: hostId, signal });
      } finally {
        this.#mounted.delete(machineId);
      }
    });
  }

  async #launch(of: {
    request: StartRequest;
    dir: string;
    idBase: number;
    signal: AbortSignal;
  }): Promise<ContainerMachine> {
    const { request, dir, idBase, signal } = of;
    const { machineId } = request;
    const { bootId, cgroups, config, dirs, layers, uppers } = this.#rooms;
    const built = await Promise.all(
      request.build.layers.map(async (layer) => {
        const at = await layers.mount(layer);
        this.#mounted.set(machineId, [...(this.#mounted.get(machineId) ?? []), at]);
        return at;
      }),
    );
    const guestLayerDir = request.guestLayerDir ?? config.guestLayerDir;
    const lowers = [guestLayerDir, dirs.devices, ...built];
    const record: MachineRecord = {
      version: 1,
      machineId,
      buildId: request.build.buildId,
      limits: request.limits,
      slot: request.slot,
      hostname: request.hostname,
      idBase,
      lowers,
      layers: request.build.layers,
      guestLayerDir,
      hostBootId: bootId,
    };
    const restore = await this.#memory.layOut(of);
    await writeMachine({ dir, record, launchConfig: this.#launchConfig(dir, record, restore) });
    await Promise.all([
      cgroups.make(machineId, request.limits),
      uppers.take({
        diskMiB: request.limits.diskMiB,
        target: join(dir, "upper"),
        keepReady: request.slot !== null,
      }),
    ]);
    const launched = await launch({
      launcherPath: config.launcherPath,
      machineId,
      configPath: launchConfigIn(dir),
      logPath: join(dir, "launcher.log"),
      explain: async () => errorsOf(await readFile(join(dir, "restore.log"), "utf8").catch(() => "")).at(0),
      signal,
    });
    const machine = await this.#adopt(machineId, launched.initPid);
    if (machine === undefined) {
      const log = await readFile(join(dir, "launcher.log"), "utf8").catch(() => "");
      throw runtimeFaults.launch_failed({ machineId, stage: "init", reason: `it ended at once ${log.trim()}` });
    }
    if (request.restore !== undefined)
      void rm(join(dir, IMAGES_DIR), { recursive: true, force: true }).catch(() => undefined); // it goes with the machine then
    void launched.exited.then(() => machine.look());
    return machine;
  }

  #launchConfig(dir: string, record: MachineRecord, restore: readonly LaunchPair[]): string {
    const { cgroups, config } = this.#rooms;
    const pairs: LaunchPair[] = [
      ["machine_dir", dir],
      ["upper_dir", join(dir, "upper")],
      ["hostname", record.hostname],
      ["id_base", record.idBase],
      ["memory_mib", record.limits.memoryMiB],
      ["netns", record.slot?.netnsPath],
      ["host_link", record.slot?.hostLink],
      ["guest_cidr", record.slot?.guestCidr],
      ["guest_gateway", record.slot?.guestGateway],
      ["mtu", record.slot?.mtu],
      ["lxcfs", config.lxcfsDir],
      ["force_overlay_paths", config.forceOverlayPaths === true ? 1 : undefined],
      ...cgroups.launchPairs(record.machineId),
      ...record.lowers.map((lower) => ["lower", lower] as const),
      ...restore,
    ];
    return formatLaunchConfig(pairs, containerFaults.bad_request);
  }

  /** The machine if its init lives. A start hands in the pid it was told, so that nothing older can answer for it. */
  async #adopt(machineId: MachineId, initPid?: number): Promise<ContainerMachine | undefined> {
    const dir = this.#held.dirOf(machineId);
    const [record, init] = await Promise.all([this.#held.readLiveRecord(machineId), readProcess(dir, "init.pid")]);
    if (record === undefined || init === undefined) return undefined;
    if ((initPid !== undefined && init.pid !== initPid) || !(await isAlive(init))) return undefined;
    const machine = new ContainerMachine({
      record,
      dir,
      init,
      cgroups: this.#rooms.cgroups.of(machineId),
      clock: this.#rooms.parts.clock,
      seal: (request, signal) => this.#memory.seal({ dir, request, signal }),
      remove: () => this.#held.remove(machineId, record.idBase),
    });
    return this.#held.hold(machine);
  }

  /** Ends a machine in whatever state it is. */
  #clear(machineId: MachineId): Promise<void> {
    const { cgroups, config } = this.#rooms;
    const dir = this.#held.dirOf(machineId);
    const known: LaunchPair[] = [["upper_dir", join(dir, "upper")], ...cgroups.launchPairs(machineId)];
    return endLaunched({ launcherPath: config.launcherPath, dir, known });
  }

  /** Unmounts layers that no machine uses once there are more than `idle` in all. */
  async #trimLayers(idle: number): Promise<void> {
    const { layers } = this.#rooms;
    if (idle === 0 || (await layers.count()) > idle) await layers.trim(() => this.#layersInUse());
  }

  async #layersInUse(): Promise<Set<string>> {
    const used = new Set<string>([...this.#mounted.values()].flat());
    for (const machineId of await this.#held.names()) {
      const record = await this.#held.readRecord(machineId);
      for (const lower of record?.lowers ?? []) used.add(lower);
    }
    return used;
  }
}
