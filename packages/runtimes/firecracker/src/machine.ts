import { type Clock, every } from "@sandlot/lifetime";
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
import { isAlive, type ProcessRecord } from "@sandlot/runtime-host";
import { type Metadata, planMetadata, planState } from "./api/boot-requests";
import type { FirecrackerApi } from "./api/client";
import type { WithAgent } from "./guest";
import { boundConsole, killVmm, parseConsole, readConsole } from "./jail/vmm-process";
import type { MachinePlaces, MachineRecord } from "./journal";
import { limits } from "./limits";
import { noStats, statsOf } from "./stats";

const KILLED = 137;

export type MachineParts = {
  readonly record: MachineRecord;
  readonly places: MachinePlaces;
  readonly process: ProcessRecord;
  readonly api: FirecrackerApi;
  readonly clock: Clock;
  /** A session with the guest for as long as `work` takes. */
  readonly withAgent: WithAgent;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly seal: (request: SealRequest, signal: AbortSignal) => Promise<Seal>;
  /** Gives back all the machine had. */
  readonly remove: () => Promise<void>;
};

/** A live microVM, started by us or found after a restart. */
export class FirecrackerMachine implements Machine {
  readonly machineId: string;
  readonly address: string;
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  readonly ended: Promise<MachineEnd>;
  readonly #parts: MachineParts;
  readonly #over = new AbortController();
  readonly #poll: AsyncDisposable;
  #settle: (end: MachineEnd) => void = () => undefined;
  #settled = false;
  #ending: Promise<void> | undefined;
  /** What changes the machine's state goes one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #sealing: Promise<unknown> = Promise.resolve();
  #stats: MachineStats;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.machineId = parts.record.machineId;
    this.address = parts.record.slot?.address ?? "";
    this.layers = parts.record.layers;
    this.guestLayerDir = parts.record.guestLayerDir;
    this.#stats = noStats(parts.record.limits);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#poll = every(
      limits.endPollMs,
      () => this.look(),
      () => undefined,
    );
  }

  freeze(): Promise<void> {
    return this.#inTurn(async () => {
      const { api, withAgent } = this.#parts;
      if ((await api.phase()) === "paused") return;
      await withAgent(async (agent) => {
        await agent.syncAhead();
        await agent.freeze();
      });
      await api.ask(planState("Paused"), { phase: "running" });
    });
  }

  thaw(): Promise<void> {
    return this.#inTurn(async () => {
      const { api, withAgent, randomBytes } = this.#parts;
      if ((await api.phase()) === "paused") await api.ask(planState("Resumed"), { phase: "paused" });
      // Also when it ran already: a process of ours may have died between the two steps.
      const wanted = { entropy: randomBytes(32), network: false, thaw: true };
      await withAgent((agent) => agent.resume(wanted));
    });
  }

  async setMetadata(metadata: Metadata): Promise<void> {
    if (this.#parts.record.slot === null) return;
    const { api } = this.#parts;
    await api.ask(planMetadata(metadata), { phase: await api.phase() });
  }

  /** One at a time: a second seal waits for the first, a thaw until the first has written all. */
  seal(request: SealRequest, signal: AbortSignal): Promise<Seal> {
    const before = this.#sealing;
    const written = Promise.withResolvers<void>();
    const onWritten = async (): Promise<void> => {
      written.resolve();
      await request.onWritten?.();
    };
    const seal = this.#turn
      .then(() => before)
      .then(() => this.#parts.seal({ ...request, onWritten }, AbortSignal.any([signal, this.#over.signal])))
      .catch((thrown) => {
        signal.throwIfAborted();
        if (!this.#over.signal.aborted) throw thrown;
        throw machineFaults.seal_failed({ reason: "the machine was ended" }, thrown);
      });
    this.#sealing = seal.catch(() => undefined);
    this.#turn = Promise.race([written.promise, this.#sealing]);
    return seal;
  }

  /** The guest's own figures; while it stands still, or does not answer, the last ones. */
  async stats(): Promise<MachineStats> {
    const { api, record, withAgent } = this.#parts;
    try {
      if ((await api.phase()) === "running")
        this.#stats = statsOf(await withAgent((agent) => agent.stats()), record.limits);
    } catch {
      // A guest that is busy or broken is no reason to know nothing.
    }
    return this.#stats;
  }

  async readOutput(of: { fromByte: number; maxBytes: number }): Promise<MachineOutput> {
    const nothing = { bytes: new Uint8Array(), sizeBytes: of.fromByte };
    if (this.#settled) return { ...nothing, sizeBytes: 0 };
    if ((await this.#parts.api.phase().catch(() => "gone")) !== "running") return nothing;
    return this.#parts.withAgent((agent) => agent.readOutput(of)).catch(() => nothing);
  }

  async kill(): Promise<void> {
    const { clock, process } = this.#parts;
    await killVmm({ process, machineId: this.machineId, clock });
    await this.look();
  }

  async end(): Promise<void> {
    this.#ending ??= this.#end().catch((thrown) => {
      this.#ending = undefined; // the next call tries again
      throw thrown;
    });
    return this.#ending;
  }

  isAlive(): Promise<boolean> {
    return isAlive(this.#parts.process);
  }

  /** Stops watching; the machine lives on. */
  leave(): void {
    void this.#poll[Symbol.asyncDispose]();
  }

  /** Called when something may have ended it. Settles `ended` if so. */
  async look(): Promise<void> {
    if (this.#settled) return;
    if (await this.isAlive()) return boundConsole(this.#parts.places.console);
    const { exit } = parseConsole(await readConsole(this.#parts.places.console));
    const exitCode = exit?.code ?? KILLED;
    this.#finish({ exitCode, outOfMemory: exitCode === KILLED && (exit?.oomKills ?? 0) > 0 });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #finish(end: MachineEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.leave();
    this.#settle(end);
  }

  async #end(): Promise<void> {
    this.#over.abort(new Error("the machine was ended"));
    await this.kill();
    await this.#sealing;
    await this.#parts.remove();
    this.#finish({ exitCode: KILLED, outOfMemory: false });
  }
}
