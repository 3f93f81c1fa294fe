import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Gate } from "@sandlot/lifetime";
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
  type IdRanges,
  isAlive,
  launch,
  readProcess,
  runLauncher,
  runtimeFaults,
} from "@sandlot/runtime-host";
import type { ContainerRuntimeConfig, ContainerRuntimeParts } from "./config";
import { errorsOf } from "./criu-log";
import { containerFaults } from "./faults";
import { dropHostLimits } from "./host-limits";
import { checkNames, formatLaunchConfig, type MachineRecord, machineIdsIn, readMachine, writeMachine } from "./journal";
import { type LayerMounts, requireTrees } from "./layers";
import { limits } from "./limits";
import { ContainerMachine } from "./machine";
import { IMAGES_DIR, type LaunchPairs, MemorySeals } from "./memory-seals";
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
};

export class ContainerRuntime implements Runtime {
  readonly name = "container";
  readonly #memory: MemorySeals;
  readonly #rooms: ContainerRuntimeRooms;
  readonly #machines = new Map<MachineId, ContainerMachine>();
  readonly #starting = new Map<MachineId, readonly string[]>();
  readonly #gate = new Gate(limits.startsAtOnce);
  #hostBootId: string | undefined;

  constructor(rooms: ContainerRuntimeRooms) {
    this.#rooms = rooms;
    this.#memory = new MemorySeals({ config: rooms.config, bootId: () => this.#bootId() });
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

  async list(): Promise<Machine[]> {
    const found: Machine[] = [];
    for (const machineId of await machineIdsIn(this.#rooms.dirs.machines)) {
      const known = this.#machines.get(machineId);
      const machine = known ?? (await this.#adopt(machineId));
      if (machine !== undefined && (await machine.isAlive())) found.push(machine);
    }
    return found;
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    const { cgroups, dirs, ids, layers } = this.#rooms;
    const names = new Set([...(await machineIdsIn(dirs.machines)), ...(await cgroups.names())]);
    const doomed = [...names].filter((name) => !keep.has(name) && !this.#starting.has(name));
    // What cannot be removed now keeps its directory, and so its ids, until the next sweep; the others go on.
    const sweepOrTell = (machineId: MachineId): Promise<void> =>
      this.#sweepOne(machineId).catch((thrown) =>
        this.#rooms.parts.log.error("cannot remove what a machine left", { machineId, thrown }),
      );
    await Promise.all(doomed.map((machineId) => this.#gate.run(() => sweepOrTell(machineId))));
    await ids.sweep(new Set(await machineIdsIn(dirs.machines)));
    await layers.trim(() => this.#layersInUse());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines.values()) machine.leave();
    await this.#rooms.lxcfs?.[Symbol.asyncDispose]();
    await this.#rooms.uppers[Symbol.asyncDispose]();
    await this.#rooms.layers.trim(() => this.#layersInUse());
    await this.#rooms.cgroups.dispose();
    if ((await machineIdsIn(this.#rooms.dirs.machines)).length === 0) await dropHostLimits(this.#rooms.config.tag);
  }

  async #startOne(request: StartRequest, signal: AbortSignal): Promise<ContainerMachine> {
    checkNames(request);
    requireTrees(request.build.layers);
    signal.throwIfAborted();
    return this.#gate.run(async () => {
      signal.throwIfAborted();
      const { machineId } = request;
      const dir = join(this.#rooms.dirs.machines, machineId);
      await mkdir(dir, { mode: 0o755 }).catch((thrown) => {
        if (thrown.code === "EEXIST") throw containerFaults.exists({ machineId });
        throw thrown;
      });
      this.#starting.set(machineId, []);
      let idBase: number | undefined;
      try {
        idBase = await this.#rooms.ids.take(machineId);
        return await this.#launch({ request, dir, idBase, signal });
      } catch (thrown) {
        await this.#remove(machineId, idBase).catch((left) =>
          this.#rooms.parts.log.error("a failed start left something behind", { machineId, thrown: left }),
        );
        throw thrown;
      } finally {
        this.#starting.delete(machineId);
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
    const { cgroups, config, dirs, layers, uppers } = this.#rooms;
    const built = await Promise.all(
      request.build.layers.map(async (layer) => {
        const at = await layers.mount(layer);
        this.#starting.set(machineId, [...(this.#starting.get(machineId) ?? []), at]);
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
      hostBootId: await this.#bootId(),
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
      configPath: join(dir, "launch.conf"),
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

  #launchConfig(dir: string, record: MachineRecord, restore: LaunchPairs): string {
    const { cgroups, config } = this.#rooms;
    const groups = cgroups.of(record.machineId);
    return formatLaunchConfig([
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
      ["launcher_cgroup", cgroups.launchers],
      ["shared_cgroup", cgroups.shared],
      ["cgroup2", groups.v2],
      ...groups.v1.map((group) => ["cgroup", group] as const),
      ...record.lowers.map((lower) => ["lower", lower] as const),
      ...restore,
    ]);
  }

  /** The machine if its init lives. A start hands in the pid it was told, so that nothing older can answer for it. */
  async #adopt(machineId: MachineId, initPid?: number): Promise<ContainerMachine | undefined> {
    const dir = join(this.#rooms.dirs.machines, machineId);
    const [record, init] = await Promise.all([readMachine(dir), readProcess(dir, "init.pid")]);
    if (record === undefined || init === undefined || record.hostBootId !== (await this.#bootId())) return undefined;
    if ((initPid !== undefined && init.pid !== initPid) || !(await isAlive(init))) return undefined;
    const machine = new ContainerMachine({
      record,
      dir,
      init,
      cgroups: this.#rooms.cgroups.of(machineId),
      clock: this.#rooms.parts.clock,
      seal: (request, signal) => this.#memory.seal({ dir, request, signal }),
      remove: () => this.#remove(machineId, record.idBase),
    });
    this.#machines.set(machineId, machine);
    return machine;
  }

  async #sweepOne(machineId: MachineId): Promise<void> {
    const dir = join(this.#rooms.dirs.machines, machineId);
    const machine = this.#machines.get(machineId);
    if (machine !== undefined) return machine.end();
    const record = await readMachine(dir);
    await this.#remove(machineId, record?.idBase);
  }

  /** Ends a machine in whatever state it is and removes all that carries its name. */
  async #remove(machineId: MachineId, idBase: number | undefined): Promise<void> {
    const { cgroups, config, dirs, ids, layers } = this.#rooms;
    const dir = join(dirs.machines, machineId);
    const configPath = join(dir, "launch.conf");
    if ((await readMachine(dir)) === undefined) {
      // Broken off before, or while, its journal was written: only names are known, and they are enough.
      const groups = cgroups.of(machineId);
      const known = [["machine_dir", dir] as const, ["upper_dir", join(dir, "upper")] as const];
      await mkdir(dir, { recursive: true });
      const pairs = [
        ...known,
        ["cgroup2", groups.v2] as const,
        ...groups.v1.map((group) => ["cgroup", group] as const),
      ];
      await writeFile(configPath, formatLaunchConfig(pairs));
    }
    await runLauncher(config.launcherPath, ["end", "--config", configPath]);
    await rm(dir, { recursive: true, force: true });
    if (idBase !== undefined) await ids.giveBack(idBase);
    this.#machines.get(machineId)?.leave();
    this.#machines.delete(machineId);
    if ((await layers.count()) > limits.idleLayers) await layers.trim(() => this.#layersInUse());
  }

  async #layersInUse(): Promise<Set<string>> {
    const used = new Set<string>([...this.#starting.values()].flat());
    for (const machineId of await machineIdsIn(this.#rooms.dirs.machines)) {
      const record = await readMachine(join(this.#rooms.dirs.machines, machineId));
      for (const lower of record?.lowers ?? []) used.add(lower);
    }
    return used;
  }

  async #bootId(): Promise<string> {
    this.#hostBootId ??= (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return this.#hostBootId;
  }
}
