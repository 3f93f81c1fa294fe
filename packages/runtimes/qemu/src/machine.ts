import { isFault } from "@sandlot/faults";
import type { Clock } from "@sandlot/lifetime";
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
import { LaunchedLife, type MachineCgroups, type ProcessRecord } from "@sandlot/runtime-host";
import type { GuestAgent } from "@sandlot/runtime-microvm";
import { qemuFaults } from "./faults";
import type { MachineRecord } from "./journal";
import { limits } from "./limits";
import type { Qmp } from "./qmp";
import { openSessions, type Sessions } from "./sessions";
import { statsOf } from "./stats";

const NO_OUTPUT: MachineOutput = { bytes: new Uint8Array(), sizeBytes: 0 };

export type MachineParts = {
  readonly record: MachineRecord;
  readonly dir: string;
  /** QEMU itself. */
  readonly vmm: ProcessRecord;
  readonly cgroups: MachineCgroups;
  readonly clock: Clock;
  /** Whether somebody before us may have had the sandbox's processes held. */
  readonly mayBeHeld: boolean;
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
  readonly #life: LaunchedLife;
  /** Freezes, thaws and the part of a seal that needs the machine, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #mayBeHeld: boolean;
  #silentUntilMs = 0;
  readonly #seals = new Set<Promise<unknown>>();
  readonly #over = new AbortController();

  constructor(parts: MachineParts) {
    this.parts = parts;
    this.machineId = parts.record.machineId;
    this.address = parts.record.slot?.address ?? "";
    this.layers = parts.record.layers;
    this.guestLayerDir = parts.record.guestLayerDir;
    this.#mayBeHeld = parts.mayBeHeld;
    this.#sessions = openSessions(parts.dir);
    this.#life = new LaunchedLife({
      ...parts,
      process: parts.vmm,
      beforeEnd: () => this.#beforeEnd(),
      killMs: limits.killMs,
      lookMs: limits.endPollMs,
    });
    this.ended = this.#life.ended;
  }

  withQmp<T>(work: (qmp: Qmp) => Promise<T>): Promise<T> {
    return this.#sessions.withQmp(work);
  }

  /**
   * The machine must be running: a stopped one does not answer.
   * @param withinMs until it says hello
   */
  withAgent<T>(work: (agent: GuestAgent) => Promise<T>, withinMs: number = limits.upHelloMs): Promise<T> {
    return this.#sessions.withAgent(work, withinMs);
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
          this.#mayBeHeld = true;
          await agent.freeze();
        });
        await qmp.execute("stop");
      }),
    );
  }

  /** A freeze that the agent never heard of is undone without it: one that is silent would be waited for once more. */
  thaw(): Promise<void> {
    return this.#inTurn(async () => {
      await this.withQmp((qmp) => qmp.execute("cont"));
      if (!this.#mayBeHeld) return;
      await this.withAgent(async (agent) => {
        await agent.setClock();
        await agent.thaw();
      });
      this.#mayBeHeld = false;
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

  /** By its launcher; without one by the long way. */
  kill(): Promise<void> {
    return this.#life.kill();
  }

  end(): Promise<void> {
    return this.#life.end();
  }

  isAlive(): Promise<boolean> {
    return this.#life.isAlive();
  }

  /** Stops watching; the machine lives on. */
  leave(): void {
    this.#life.leave();
  }

  /** Called when something may have ended it. Settles `ended` if so. */
  look(): void {
    this.#life.look();
  }

  /**
   * What the guest answers; nothing when it is stopped, has ended or does not answer: its word is never needed. One that
   * was silent is not asked again at once, so that what does need its answer need not wait for its turn.
   */
  async #ask<T>(work: (agent: GuestAgent) => Promise<T>): Promise<T | undefined> {
    const { clock } = this.parts;
    if (clock.nowMs() < this.#silentUntilMs) return undefined;
    try {
      if (!(await this.isRunning())) return undefined;
      return await this.withAgent(work, limits.figuresHelloMs);
    } catch (thrown) {
      if (isFault(thrown, "microvm_agent_silent")) this.#silentUntilMs = clock.nowMs() + limits.silentRestMs;
      return undefined;
    }
  }

  async #beforeEnd(): Promise<void> {
    this.#over.abort(machineFaults.seal_failed({ reason: `machine ${this.machineId} is being ended` }));
    await Promise.all(this.#seals);
  }
}
