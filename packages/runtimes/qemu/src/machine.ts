import { join } from "node:path";
import { type Clock, sleep } from "@sandlot/lifetime";
import {
  type LayerRef,
  type Machine,
  type MachineEnd,
  type MachineOutput,
  type MachineStats,
  machineFaults,
  type Seal,
  type SealRequest,
} from "@sandlot/runtime-contract";
import { hadOutOfMemory, isAlive, type MachineCgroups, type ProcessRecord, readProcess } from "@sandlot/runtime-host";
import type { GuestAgent } from "@sandlot/runtime-microvm";
import { EndWatch } from "./end-watch";
import { qemuFaults } from "./faults";
import { type MachineRecord, readGuestEnd } from "./journal";
import { limits } from "./limits";
import type { Qmp } from "./qmp";
import { openSessions, type Sessions } from "./sessions";
import { statsOf } from "./stats";

const KILLED = 137;
const NO_OUTPUT: MachineOutput = { bytes: new Uint8Array(), sizeBytes: 0 };

export type MachineParts = {
  readonly record: MachineRecord;
  readonly dir: string;
  /** QEMU itself. */
  readonly vmm: ProcessRecord;
  readonly cgroups: MachineCgroups;
  readonly clock: Clock;
  readonly seal: (machine: QemuMachine, request: SealRequest, signal: AbortSignal) => Promise<Seal>;
  /** Gives back all the machine had. */
  readonly remove: () => Promise<void>;
};

/** A live virtual machine, started by us or found after a restart: both are watched through the kernel, not as a child. */
export class QemuMachine implements Machine {
  readonly machineId: string;
  readonly address: string;
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  readonly ended: Promise<MachineEnd>;
  readonly parts: MachineParts;
  readonly #sessions: Sessions;
  readonly #watch: EndWatch;
  #settle: (end: MachineEnd) => void = () => undefined;
  #looking: Promise<void> | undefined;
  #settled = false;
  #ending: Promise<void> | undefined;
  /** Freezes, thaws and the part of a seal that needs the machine, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #seals = new Set<Promise<unknown>>();
  readonly #over = new AbortController();

  constructor(parts: MachineParts) {
    this.parts = parts;
    this.machineId = parts.record.machineId;
    this.address = parts.record.slot?.address ?? "";
    this.layers = parts.record.layers;
    this.guestLayerDir = parts.record.guestLayerDir;
    this.#sessions = openSessions(parts.dir);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { v2 } = parts.cgroups;
    const paths = [parts.dir, ...(v2 === undefined ? [] : [join(v2, "cgroup.events")])];
    this.#watch = new EndWatch(paths, () => this.look());
  }

  withQmp<T>(work: (qmp: Qmp) => Promise<T>): Promise<T> {
    return this.#sessions.withQmp(work);
  }

  /** The machine must be running: a stopped one does not answer. */
  withAgent<T>(work: (agent: GuestAgent) => Promise<T>): Promise<T> {
    return this.#sessions.withAgent(work);
  }

  /**
   * First the sandbox's processes, so that none of them runs before the guest is told of the time when it is thawed. The
   * processor's stop brings to the disk's file what QEMU itself holds of it.
   */
  freeze(): Promise<void> {
    return this.#inTurn(() =>
      this.withQmp(async (qmp) => {
        if (!(await this.#runs(qmp))) return;
        await this.withAgent(async (agent) => {
          await agent.syncAhead();
          await agent.freeze();
        });
        await qmp.execute("stop");
      }),
    );
  }

  thaw(): Promise<void> {
    return this.#inTurn(async () => {
      await this.withQmp((qmp) => qmp.execute("cont"));
      await this.withAgent(async (agent) => {
        await agent.setClock();
        await agent.thaw();
      });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** One at a time: a second seal, and a thaw, wait until the first has written all. An end calls it off. */
  seal(request: SealRequest, signal: AbortSignal): Promise<Seal> {
    const written = Promise.withResolvers<void>();
    const onWritten = async (): Promise<void> => {
      written.resolve();
      await request.onWritten?.();
    };
    const either = AbortSignal.any([signal, this.#over.signal]);
    const seal = this.#turn.then(() => this.parts.seal(this, { ...request, onWritten }, either));
    const ended = seal.catch(() => undefined);
    this.#turn = Promise.race([written.promise, ended]);
    this.#seals.add(ended);
    void ended.then(() => this.#seals.delete(ended));
    return seal;
  }

  /** False while its processor is stopped, as by a freeze. @throws Fault `qemu_stopped_oddly` when it is for another reason */
  isRunning(): Promise<boolean> {
    return this.withQmp((qmp) => this.#runs(qmp));
  }

  async #runs(qmp: Qmp): Promise<boolean> {
    const answer = (await qmp.execute("query-status")) as { status?: unknown } | null;
    const status = String(answer?.status);
    if (status !== "running" && status !== "paused")
      throw qemuFaults.stopped_oddly({ machineId: this.machineId, status });
    return status === "running";
  }

  async stats(): Promise<MachineStats> {
    const { cgroups, record } = this.parts;
    const guest = await this.#ask((agent) => agent.stats());
    return statsOf({ cgroups, limits: record.limits, diskPath: record.diskChain[0], guest });
  }

  async readOutput(of: { fromByte: number; maxBytes: number }): Promise<MachineOutput> {
    return (await this.#ask((agent) => agent.readOutput(of))) ?? NO_OUTPUT;
  }

  /** By its launcher, which writes down how it ended; without one by the long way. */
  async kill(): Promise<void> {
    const launcher = await readProcess(this.parts.dir, "launcher.pid");
    if (!this.#settled && launcher !== undefined && (await isAlive(launcher))) {
      signalOrIgnore(launcher.pid);
      const late = new AbortController();
      const waited = sleep(limits.killMs, late.signal).catch(() => undefined);
      await Promise.race([this.ended, waited]);
      late.abort(new Error("it has ended"));
    }
    if (!this.#settled) await this.end();
  }

  async end(): Promise<void> {
    this.#ending ??= this.#end().catch((thrown) => {
      this.#ending = undefined; // the next call tries again
      throw thrown;
    });
    return this.#ending;
  }

  isAlive(): Promise<boolean> {
    return isAlive(this.parts.vmm);
  }

  /** Stops watching; the machine lives on. */
  leave(): void {
    this.#watch.stop();
  }

  /** Called when something may have ended it. Settles `ended` if so. */
  look(): void {
    if (this.#settled || this.#looking !== undefined) return;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** What the guest answers; nothing when it is stopped, has ended or does not answer: its word is never needed. */
  async #ask<T>(work: (agent: GuestAgent) => Promise<T>): Promise<T | undefined> {
    try {
      if (!(await this.isRunning())) return undefined;
      return await this.withAgent(work);
    } catch {
      return undefined;
    }
  }

  async #look(): Promise<void> {
    if (await isAlive(this.parts.vmm)) return;
    await this.#conclude();
  }

  async #conclude(): Promise<void> {
    const { dir, cgroups } = this.parts;
    const launcher = await readProcess(dir, "launcher.pid");
    let end = await readGuestEnd(dir);
    // The launcher writes it a moment after the death; without a launcher nobody will.
    for (let tries = 0; end === undefined && tries < 50; tries += 1) {
      const isLast = launcher === undefined || !(await isAlive(launcher));
      end = await readGuestEnd(dir);
      if (isLast) break;
      if (end === undefined) await sleep(10);
    }
    const exitCode = end?.exitCode ?? KILLED;
    const killedForMemory = (end?.oomKills ?? 0) > 0 || (await hadOutOfMemory(cgroups));
    this.#finish({ exitCode, outOfMemory: exitCode === KILLED && killedForMemory });
  }

  #finish(end: MachineEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.leave();
    this.#settle(end);
  }

  async #end(): Promise<void> {
    this.#over.abort(machineFaults.seal_failed({ reason: `machine ${this.machineId} is being ended` }));
    await Promise.all(this.#seals);
    await this.#looking;
    if (!this.#settled && !(await isAlive(this.parts.vmm))) await this.#conclude();
    await this.parts.remove();
    this.#finish({ exitCode: KILLED, outOfMemory: false });
  }
}

function signalOrIgnore(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has just died by itself.
  }
}
