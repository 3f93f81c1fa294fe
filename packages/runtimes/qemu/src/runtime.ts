import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Gate, sleep } from "@sandlot/lifetime";
import type {
  Machine,
  MachineId,
  Runtime,
  RuntimeCapabilities,
  RuntimeFacts,
  RuntimeProbe,
  StartMachine,
} from "@sandlot/runtime-contract";
import { type Cgroups, type IdRanges, isAlive, launch, readProcess, runLauncher } from "@sandlot/runtime-host";
import { type Accelerator, AcceleratorChoice } from "./accelerator";
import type { QemuRuntimeConfig, QemuRuntimeParts } from "./config";
import { qemuFaults } from "./faults";
import type { QemuHost } from "./host";
import {
  type Acceleration,
  checkNames,
  formatLaunchConfig,
  isUp,
  type LaunchPair,
  type MachineRecord,
  machineIdsIn,
  markUp,
  readMachine,
  writeMachine,
} from "./journal";
import { limits } from "./limits";
import { QemuMachine } from "./machine";
import { planMachine, type StartRequest } from "./plan-machine";
import { probeQemuHost } from "./probe";
import { MachineSeals, requireSameLayers } from "./seals/machine-seals";
import { trimTrees } from "./tree";

export type QemuRuntimeRooms = {
  readonly config: QemuRuntimeConfig;
  readonly parts: QemuRuntimeParts;
  readonly dirs: { readonly machines: string; readonly trees: string };
  readonly cgroups: Cgroups;
  readonly ids: IdRanges;
  readonly bootId: string;
  /** Found out at the first need. */
  readonly host: () => Promise<QemuHost>;
};

export class QemuRuntime implements Runtime {
  readonly name = "qemu";
  readonly #rooms: QemuRuntimeRooms;
  readonly #machines = new Map<MachineId, QemuMachine>();
  readonly #starting = new Set<MachineId>();
  readonly #gate = new Gate(limits.startsAtOnce);
  readonly #seals = new MachineSeals();
  #choice: AcceleratorChoice | undefined;
  #facts: RuntimeFacts | undefined;

  constructor(rooms: QemuRuntimeRooms) {
    this.#rooms = rooms;
  }

  get capabilities(): RuntimeCapabilities {
    return {
      memorySnapshots: true,
      filesystemSnapshots: true,
      diskLimit: true,
      nestedContainers: true,
      hardwareIsolation: this.#facts?.acceleration === "kvm",
    };
  }

  get facts(): RuntimeFacts {
    return this.#facts ?? { isolation: "a kernel of its own in a virtual machine" };
  }

  async probe(signal: AbortSignal): Promise<RuntimeProbe> {
    return probeQemuHost({
      config: this.#rooms.config,
      host: this.#rooms.host,
      accelerator: () => this.#accelerator(),
      trial: (acceleration) => this.#trial(acceleration, signal),
    });
  }

  async start(request: StartMachine, signal: AbortSignal): Promise<Machine> {
    const { acceleration } = await this.#accelerator();
    return this.#startOne({ request, acceleration, signal });
  }

  async list(): Promise<Machine[]> {
    const found: Machine[] = [];
    for (const machineId of await machineIdsIn(this.#rooms.dirs.machines)) {
      if (this.#starting.has(machineId)) continue;
      const machine = this.#machines.get(machineId) ?? (await this.#adopt(machineId));
      if (machine !== undefined && (await machine.isAlive())) found.push(machine);
    }
    return found;
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    const { cgroups, dirs, ids, parts } = this.#rooms;
    const names = new Set([...(await machineIdsIn(dirs.machines)), ...(await cgroups.names())]);
    const doomed = [...names].filter((name) => !keep.has(name) && !this.#starting.has(name));
    // What cannot be removed now keeps its directory, and so its id, until the next sweep; the others go on.
    const sweepOrTell = (machineId: MachineId): Promise<void> =>
      this.#sweepOne(machineId).catch((thrown) =>
        parts.log.error("cannot remove what a machine left", { machineId, thrown }),
      );
    await Promise.all(doomed.map((machineId) => this.#gate.run(() => sweepOrTell(machineId))));
    await ids.sweep(new Set(await machineIdsIn(dirs.machines)));
    await this.#trimTrees();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines.values()) machine.leave();
    await this.#rooms.cgroups.dispose();
  }

  async #accelerator(): Promise<Accelerator> {
    const host = await this.#rooms.host();
    const { config, parts } = this.#rooms;
    this.#choice ??= new AcceleratorChoice({
      // Of the host, and so one for all installations that share the cache: a trial on a KVM that hangs takes its whole time.
      notePath: join(config.cacheDir, "accelerator.json"),
      wanted: config.accelerator ?? "auto",
      about: { hostBootId: this.#rooms.bootId, qemuVersion: host.tree.version, kernel: host.kernel.version },
      trial: (acceleration) => this.#trial(acceleration, AbortSignal.timeout(limits.kvmTrialMs)),
    });
    const accelerator = await this.#choice.chosen();
    if (this.#facts === undefined && accelerator.problem !== undefined)
      parts.log.warn("virtual machines run in software, which is slow", { problem: accelerator.problem });
    this.#facts = {
      acceleration: accelerator.acceleration,
      isolation: `a kernel of its own in a virtual machine (QEMU ${host.tree.version}, ${accelerator.acceleration})`,
      kernel: host.kernel.version,
    };
    return accelerator;
  }

  /** Boots a guest without disks and network, to its init. */
  async #trial(acceleration: Acceleration, signal: AbortSignal): Promise<void> {
    const request: StartRequest = {
      machineId: `trial-${crypto.randomUUID()}`,
      build: { buildId: "trial", layers: [] },
      limits: { cpuCount: 1, memoryMiB: 128, diskMiB: 64, pidsMax: 32 },
      slot: null,
      hostname: "trial",
    };
    const machine = await this.#startOne({ request, acceleration, signal });
    try {
      await machine.withQmp(async (qmp) => {
        await qmp.execute("stop");
        await qmp.execute("cont");
      });
    } finally {
      await machine.end();
    }
  }

  async #startOne(of: {
    request: StartRequest;
    acceleration: Acceleration;
    signal: AbortSignal;
  }): Promise<QemuMachine> {
    const { request, signal } = of;
    checkNames(request);
    signal.throwIfAborted();
    return this.#gate.run(async () => {
      signal.throwIfAborted();
      const { machineId } = request;
      const dir = join(this.#rooms.dirs.machines, machineId);
      await mkdir(dir, { mode: 0o755 }).catch((thrown) => {
        if (thrown.code === "EEXIST") throw qemuFaults.exists({ machineId });
        throw thrown;
      });
      this.#starting.add(machineId);
      let uid: number | undefined;
      try {
        uid = await this.#rooms.ids.take(machineId);
        return await this.#launch({ ...of, dir, uid });
      } catch (thrown) {
        await this.#remove(machineId, uid).catch((left) =>
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
    acceleration: Acceleration;
    dir: string;
    uid: number;
    signal: AbortSignal;
  }): Promise<QemuMachine> {
    const { request, dir } = of;
    const { machineId } = request;
    const { bootId, cgroups, config } = this.#rooms;
    const host = await this.#rooms.host();
    const restore = await this.#seals.plan({ ...of, host });
    const guestLayerDir = request.guestLayerDir ?? config.guestLayerDir;
    const planned = await planMachine({
      ...of,
      host,
      bootId,
      cacheDir: config.cacheDir,
      guestLayerDir,
      restore,
    });
    if (restore !== undefined) await requireSameLayers(restore, { dir, images: planned.record.layerImages });
    const launchConfig = formatLaunchConfig([...planned.launchPairs, ...this.#cgroupPairs(machineId)]);
    await writeMachine({ dir, record: planned.record, launchConfig });
    await cgroups.make(machineId, {
      ...request.limits,
      memoryMiB: request.limits.memoryMiB + limits.overheadMiB,
      pidsMax: limits.vmmThreads + request.limits.cpuCount,
    });
    const launched = await this.#boot({ machineId, dir, signal: of.signal });
    const machine = await this.#adopt(machineId, launched.initPid);
    if (machine === undefined)
      throw qemuFaults.monitor_gone({ reason: `machine ${machineId} ended as soon as it was up` });
    void launched.exited.then(() => machine.look());
    if (restore !== undefined) await this.#seals.bringUp({ machine, plan: restore, request }, of.signal);
    await markUp(dir);
    return machine;
  }

  async #boot(of: { machineId: string; dir: string; signal: AbortSignal }): ReturnType<typeof launch> {
    const late = new AbortController();
    const ready = new AbortController();
    void sleep(limits.bootMs, ready.signal).then(
      () => late.abort(qemuFaults.boot_slow({ machineId: of.machineId, waitedMs: limits.bootMs })),
      () => undefined,
    );
    try {
      return await launch({
        launcherPath: this.#rooms.config.launcherPath,
        machineId: of.machineId,
        configPath: join(of.dir, "launch.conf"),
        logPath: join(of.dir, "launcher.log"),
        signal: AbortSignal.any([of.signal, late.signal]),
      });
    } finally {
      ready.abort(new Error("it is up"));
    }
  }

  #cgroupPairs(machineId: MachineId): LaunchPair[] {
    const { cgroups } = this.#rooms;
    const groups = cgroups.of(machineId);
    return [
      ["launcher_cgroup", cgroups.launchers],
      ["shared_cgroup", cgroups.shared],
      ["cgroup2", groups.v2],
      ...groups.v1.map((group): LaunchPair => ["cgroup", group]),
    ];
  }

  /** The machine if its QEMU lives. A start hands in the pid it was told, so that nothing older can answer for it. */
  async #adopt(machineId: MachineId, vmmPid?: number): Promise<QemuMachine | undefined> {
    const dir = join(this.#rooms.dirs.machines, machineId);
    const [record, vmm] = await Promise.all([readMachine(dir), readProcess(dir, "vmm.pid")]);
    if (record === undefined || vmm === undefined || record.hostBootId !== this.#rooms.bootId) return undefined;
    // One whose starter died before it was up may be half restored: it is swept, never shown.
    if (vmmPid === undefined ? !(await isUp(dir)) : vmm.pid !== vmmPid) return undefined;
    if (!(await isAlive(vmm))) return undefined;
    const machine = new QemuMachine({
      record,
      dir,
      vmm,
      cgroups: this.#rooms.cgroups.of(machineId),
      clock: this.#rooms.parts.clock,
      seal: (one, request, signal) => this.#seals.seal(one, request, signal),
      remove: () => this.#remove(machineId, record.uid),
    });
    this.#machines.set(machineId, machine);
    return machine;
  }

  async #sweepOne(machineId: MachineId): Promise<void> {
    const machine = this.#machines.get(machineId);
    if (machine !== undefined) return machine.end();
    const record = await readMachine(join(this.#rooms.dirs.machines, machineId));
    await this.#remove(machineId, record?.uid);
  }

  /** Ends a machine in whatever state it is and removes all that carries its name. */
  async #remove(machineId: MachineId, uid: number | undefined): Promise<void> {
    const { config, dirs, ids } = this.#rooms;
    const dir = join(dirs.machines, machineId);
    const configPath = join(dir, "launch.conf");
    if ((await readMachine(dir)) === undefined) {
      // Broken off before, or while, its journal was written: only names are known, and they are enough.
      await mkdir(dir, { recursive: true });
      await writeFile(configPath, formatLaunchConfig([["machine_dir", dir], ...this.#cgroupPairs(machineId)]));
    }
    await runLauncher(config.launcherPath, ["end", "--config", configPath]);
    await rm(dir, { recursive: true, force: true });
    if (uid !== undefined) await ids.giveBack(uid);
    this.#machines.get(machineId)?.leave();
    this.#machines.delete(machineId);
  }

  async #trimTrees(): Promise<void> {
    const { dirs, host } = this.#rooms;
    const now = await host().catch(() => undefined); // whatever it lacks, what is left is swept
    if (now === undefined) return;
    const used = new Set<string>([now.tree.path]);
    for (const machineId of await machineIdsIn(dirs.machines)) {
      const record: MachineRecord | undefined = await readMachine(join(dirs.machines, machineId));
      if (record !== undefined) used.add(record.tree);
    }
    await trimTrees(dirs.trees, used);
  }
}
