/** The machines of one runtime and installation: started a few at a time, found again after a restart, swept when nobody wants them. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Gate } from "@sandlot/lifetime";
import type { MachineId } from "@sandlot/runtime-contract";
import type { IdRanges } from "./ids";
import { machineIdsIn, readRecord } from "./machine-dir";

type OwnMachine = {
  readonly machineId: MachineId;
  isAlive(): Promise<boolean>;
  end(): Promise<void>;
  /** Stops watching; the machine lives on. */
  leave(): void;
};

/** Of a runtime's journal, what is looked at here; the rest is its own. */
type Journaled = { readonly version: 1; readonly hostBootId: string };

export type HeldMachinesParts<M extends OwnMachine, R extends Journaled> = {
  /** Holds a directory per machine, named by its id: there from before anything is made until all is gone. */
  readonly machinesDir: string;
  readonly dirMode: number;
  readonly startsAtOnce: number;
  readonly ids: IdRanges;
  /** Of this start of the host: what was journaled in an earlier one is only swept. */
  readonly bootId: string;
  readonly log: { error(message: string, fields: Record<string, unknown>): void };
  /** The runtime's own fault for an id that is taken. */
  readonly exists: (facts: { machineId: MachineId }) => Error;
  /** One that lives and whose start came to its end; `hold` has been called for it then. */
  readonly find: (machineId: MachineId) => Promise<M | undefined>;
  /** Its host id, as its journal has it. */
  readonly hostIdOf: (record: R) => number;
  /** Ends a machine in whatever state it is and removes all that carries its name but its directory and its host id. */
  readonly clear: (machineId: MachineId) => Promise<void>;
  /** Machines of which something is left outside their directory. */
  readonly otherNames?: () => Promise<Iterable<MachineId>>;
  /** Called when another machine is gone. */
  readonly removed?: () => Promise<void>;
};

export class HeldMachines<M extends OwnMachine, R extends Journaled> {
  readonly #parts: HeldMachinesParts<M, R>;
  readonly #gate: Gate;
  readonly #machines = new Map<MachineId, M>();
  readonly #starting = new Set<MachineId>();

  constructor(parts: HeldMachinesParts<M, R>) {
    this.#parts = parts;
    this.#gate = new Gate(parts.startsAtOnce);
  }

  dirOf(machineId: MachineId): string {
    return join(this.#parts.machinesDir, machineId);
  }

  /** Those that have a directory, whatever their state. */
  names(): Promise<MachineId[]> {
    return machineIdsIn(this.#parts.machinesDir);
  }

  /** A machine's journal, whenever it was written; absent when a start was broken off before that. */
  readRecord(machineId: MachineId): Promise<R | undefined> {
    return readRecord(this.dirOf(machineId));
  }

  /** The same, of one that may live: journals of an earlier start of the host are passed over. */
  async readLiveRecord(machineId: MachineId): Promise<R | undefined> {
    const record = await this.readRecord(machineId);
    return record?.hostBootId === this.#parts.bootId ? record : undefined;
  }

  hold(machine: M): M {
    this.#machines.set(machine.machineId, machine);
    return machine;
  }

  /** When `launch` fails nothing is left of the machine. @throws `exists`, Fault `runtime_ids_exhausted`, what `launch` throws */
  start(
    of: { machineId: MachineId; signal: AbortSignal },
    launch: (at: { dir: string; hostId: number }) => Promise<M>,
  ): Promise<M> {
    const { machineId, signal } = of;
    const { dirMode, exists, ids, log } = this.#parts;
    return this.#gate.run(async () => {
      signal.throwIfAborted();
      const dir = this.dirOf(machineId);
      await mkdir(dir, { mode: dirMode }).catch((thrown) => {
        throw thrown.code === "EEXIST" ? exists({ machineId }) : thrown;
      });
      this.#starting.add(machineId);
      let hostId: number | undefined;
      try {
        hostId = await ids.take(machineId);
        return await launch({ dir, hostId });
      } catch (thrown) {
        await this.remove(machineId, hostId).catch((left) =>
          log.error("a failed start left something behind", { machineId, thrown: left }),
        );
        throw thrown;
      } finally {
        this.#starting.delete(machineId);
      }
    });
  }

  /** Half started ones are for whoever starts them, or for the sweep. */
  async list(): Promise<M[]> {
    const found: M[] = [];
    for (const machineId of await this.names()) {
      if (this.#starting.has(machineId)) continue;
      const machine = this.#machines.get(machineId) ?? (await this.#parts.find(machineId));
      if (machine !== undefined && (await machine.isAlive())) found.push(machine);
    }
    return found;
  }

  /** What cannot be removed now keeps its directory, and so its id, until the next sweep; the others go on. */
  async sweep(keep: ReadonlySet<MachineId>): Promise<void> {
    const { ids, log, otherNames } = this.#parts;
    const names = new Set([...(await this.names()), ...((await otherNames?.()) ?? [])]);
    const doomed = [...names].filter((name) => !keep.has(name) && !this.#starting.has(name));
    const sweepOrTell = (machineId: MachineId): Promise<void> =>
      this.#sweepOne(machineId).catch((thrown) =>
        log.error("cannot remove what a machine left", { machineId, thrown }),
      );
    await Promise.all(doomed.map((machineId) => this.#gate.run(() => sweepOrTell(machineId))));
    await ids.sweep(new Set(await this.names()));
  }

  async remove(machineId: MachineId, hostId: number | undefined): Promise<void> {
    const { clear, ids, removed } = this.#parts;
    await clear(machineId);
    await rm(this.dirOf(machineId), { recursive: true, force: true });
    if (hostId !== undefined) await ids.giveBack(hostId);
    this.#machines.get(machineId)?.leave();
    this.#machines.delete(machineId);
    await removed?.();
  }

  /** Stops watching all of them; they live on. */
  leave(): void {
    for (const machine of this.#machines.values()) machine.leave();
  }

  async #sweepOne(machineId: MachineId): Promise<void> {
    const machine = this.#machines.get(machineId);
    if (machine !== undefined) return machine.end();
    const record = await this.readRecord(machineId);
    await this.remove(machineId, record && this.#parts.hostIdOf(record));
  }
}
