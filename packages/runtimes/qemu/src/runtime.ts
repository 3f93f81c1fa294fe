import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
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
  type Cgroups,
  endLaunched,
  formatLaunchConfig,
  HeldMachines,
  type IdRanges,
  isAlive,
  launch,
  launchConfigIn,
  readProcess,
  requireNames,
} from "@sandlot/runtime-host";
import { type Accelerator, AcceleratorChoice } from "./accelerator";
import type { QemuRuntimeConfig, QemuRuntimeParts } from "./config";
import { qemuFaults } from "./faults";
import type { QemuHost } from "./host";
import { type Acceleration, isUp, type MachineRecord, markUp, writeMachine } from "./journal";
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
  /** Of this start of the host. */
  readonly bootId: string;
  /** Found out at the first need. */
  readonly host: () => Promise<QemuHost>;
};

export class QemuRuntime implements Runtime {
  readonly name = "qemu";
  readonly #rooms: QemuRuntimeRooms;
  readonly #held: HeldMachines<QemuMachine, MachineRecord>;
  readonly #seals = new MachineSeals();
  #choice: AcceleratorChoice | undefined;
  #facts: RuntimeFacts | undefined;

  constructor(rooms: QemuRuntimeRooms) {
    this.#rooms = rooms;
    this.#held = new HeldMachines({
      machinesDir: rooms.dirs.machines,
      dirMode: 0o755,
      startsAtOnce: limits.startsAtOnce,
      ids: rooms.ids,
      bootId: rooms.bootId,
      log: rooms.parts.log,
      exists: qemuFaults.exists,
      find: (machineId) => this.#adopt(machineId),
      hostIdOf: ({ uid }) => uid,
      clear: (machineId) => this.#clear(machineId),
      otherNames: () => rooms.cgroups.names(),
    });
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

  list(): Promise<Machine[]> {
    return this.#held.list();
  }

  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    await this.#held.sweep(keep);
    await this.#trimTrees();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.leave();
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
    requireNames(request, qemuFaults.bad_request);
    signal.throwIfAborted();
    return this.#held.start({ machineId: request.machineId, signal }, ({ dir, hostId }) =>
      this.#launch({ ...of, dir, uid: hostId }),
    );
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
    const launchPairs = [...planned.launchPairs, ...cgroups.launchPairs(machineId)];
    const launchConfig = formatLaunchConfig(launchPairs, qemuFaults.bad_request);
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
        configPath: launchConfigIn(of.dir),
        logPath: join(of.dir, "launcher.log"),
        signal: AbortSignal.any([of.signal, late.signal]),
      });
    } finally {
      ready.abort(new Error("it is up"));
    }
  }

  /** The machine if its QEMU lives. A start hands in the pid it was told, so that nothing older can answer for it. */
  async #adopt(machineId: MachineId, vmmPid?: number): Promise<QemuMachine | undefined> {
    const dir = this.#held.dirOf(machineId);
    const [record, vmm] = await Promise.all([this.#held.readLiveRecord(machineId), readProcess(dir, "vmm.pid")]);
    if (record === undefined || vmm === undefined) return undefined;
    // One whose starter died before it was up may be half restored: it is swept, never shown.
    if (vmmPid === undefined ? !(await isUp(dir)) : vmm.pid !== vmmPid) return undefined;
    if (!(await isAlive(vmm))) return undefined;
    const machine = new QemuMachine({
      record,
      dir,
      vmm,
      cgroups: this.#rooms.cgroups.of(machineId),
      clock: this.#rooms.parts.clock,
      mayBeHeld: vmmPid === undefined,
      seal: (one, request, signal) => this.#seals.seal(one, request, signal),
      remove: () => this.#held.remove(machineId, record.uid),
    });
    return this.#held.hold(machine);
  }

  /** Ends a machine in whatever state it is. */
  #clear(machineId: MachineId): Promise<void> {
    const { cgroups, config } = this.#rooms;
    const dir = this.#held.dirOf(machineId);
    return endLaunched({ launcherPath: config.launcherPath, dir, known: cgroups.launchPairs(machineId) });
  }

  async #trimTrees(): Promise<void> {
    const { dirs, host } = this.#rooms;
    const now = await host().catch(() => undefined); // whatever it lacks, what is left is swept
    if (now === undefined) return;
    const used = new Set<string>([now.tree.path]);
    for (const machineId of await this.#held.names()) {
      const record = await this.#held.readRecord(machineId);
      if (record !== undefined) used.add(record.tree);
    }
    await trimTrees(dirs.trees, used);
  }
}
