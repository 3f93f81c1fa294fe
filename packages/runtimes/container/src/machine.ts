import type { Clock } from "@sandlot/lifetime";
import type {
  LayerRef,
  Machine,
  MachineEnd,
  MachineOutput,
  MachineStats,
  Seal,
  SealRequest,
} from "@sandlot/runtime-contract";
import { LaunchedLife, type MachineCgroups, type ProcessRecord, readStats, setFrozen } from "@sandlot/runtime-host";
import type { MachineRecord } from "./journal";
import { endLeftSeal } from "./left-seal";
import { limits } from "./limits";
import { readOutput } from "./output";

export type MachineParts = {
  readonly record: MachineRecord;
  readonly dir: string;
  readonly init: ProcessRecord;
  readonly cgroups: MachineCgroups;
  readonly clock: Clock;
  readonly seal: (request: SealRequest, signal: AbortSignal) => Promise<Seal>;
  /** Gives back all the machine had. */
  readonly remove: () => Promise<void>;
};

/** A live container, started by us or found after a restart: both are watched through the kernel, not as a child. */
export class ContainerMachine implements Machine {
  readonly machineId: string;
  readonly address: string;
  readonly layers: readonly LayerRef[];
  readonly guestLayerDir: string;
  readonly ended: Promise<MachineEnd>;
  readonly #parts: MachineParts;
  readonly #life: LaunchedLife;
  #sealing: Promise<unknown> = Promise.resolve();
  #othersSealed = false;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.machineId = parts.record.machineId;
    this.address = parts.record.slot?.address ?? "";
    this.layers = parts.record.layers;
    this.guestLayerDir = parts.record.guestLayerDir;
    this.#life = new LaunchedLife({
      ...parts,
      process: parts.init,
      killMs: limits.killMs,
      lookMs: limits.endPollMs,
    });
    this.ended = this.#life.ended;
  }

  async freeze(): Promise<void> {
    await this.#unsealed();
    await setFrozen({ ...this.#parts, machineId: this.machineId, frozen: true });
  }

  async thaw(): Promise<void> {
    await this.#unsealed();
    await setFrozen({ ...this.#parts, machineId: this.machineId, frozen: false });
  }

  /** One at a time: a second seal, and a thaw, wait until the first has written all. */
  seal(request: SealRequest, signal: AbortSignal): Promise<Seal> {
    const written = Promise.withResolvers<void>();
    const onWritten = async (): Promise<void> => {
      written.resolve();
      await request.onWritten?.();
    };
    const seal = this.#unsealed().then(() => this.#parts.seal({ ...request, onWritten }, signal));
    this.#sealing = Promise.race([written.promise, seal.catch(() => undefined)]);
    return seal;
  }

  /** Resolves when nobody is sealing it: neither we, nor the helper of a process that was killed meanwhile. */
  async #unsealed(): Promise<void> {
    await this.#sealing;
    if (this.#othersSealed) return;
    await endLeftSeal({ ...this.#parts, machineId: this.machineId });
    this.#othersSealed = true;
  }

  async stats(): Promise<MachineStats> {
    const { cgroups, init, record } = this.#parts;
    return readStats({ cgroups, initPid: init.pid, memoryMiB: record.limits.memoryMiB });
  }

  readOutput(of: { fromByte: number; maxBytes: number }): Promise<MachineOutput> {
    return readOutput({ ...of, init: this.#parts.init });
  }

  /** By its launcher, which first drops what the disk has not written; without one by the long way. */
  kill(): Promise<void> {
    return this.#life.kill();
  }

  end(): Promise<void> {
    return this.#life.end();
  }

  /** The host's number for the machine's first process. */
  get initPid(): number {
    return this.#parts.init.pid;
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
}
