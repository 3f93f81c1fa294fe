import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { type Clock, every, sleep } from "@sandlot/lifetime";
import type {
  LayerRef,
  Machine,
  MachineEnd,
  MachineOutput,
  MachineStats,
  Seal,
  SealRequest,
} from "@sandlot/runtime-contract";
import {
  hadOutOfMemory,
  isAlive,
  type MachineCgroups,
  type ProcessRecord,
  readExitCode,
  readProcess,
  readStats,
  setFrozen,
} from "@sandlot/runtime-host";
import type { MachineRecord } from "./journal";
import { endLeftSeal } from "./left-seal";
import { limits } from "./limits";
import { readOutput } from "./output";

const KILLED = 137;

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
  readonly #watchers: FSWatcher[] = [];
  #poll: AsyncDisposable | undefined;
  #settle: (end: MachineEnd) => void = () => undefined;
  #looking: Promise<void> | undefined;
  #settled = false;
  #ending: Promise<void> | undefined;
  #sealing: Promise<unknown> = Promise.resolve();
  #othersSealed = false;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.machineId = parts.record.machineId;
    this.address = parts.record.slot?.address ?? "";
    this.layers = parts.record.layers;
    this.guestLayerDir = parts.record.guestLayerDir;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#watch();
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
  async kill(): Promise<void> {
    const launcher = await readProcess(this.#parts.dir, "launcher.pid");
    if (!this.#settled && launcher !== undefined && (await isAlive(launcher))) {
      signalOrIgnore(launcher.pid);
      const late = new AbortController();
      const told = this.ended.then(() => true);
      const waited = sleep(limits.killMs, late.signal).then(
        () => false,
        () => false,
      );
      await Promise.race([told, waited]);
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

  /** Tells init, as the machine's own root could. */
  signalInit(signal: NodeJS.Signals): void {
    process.kill(this.#parts.init.pid, signal);
  }

  isAlive(): Promise<boolean> {
    return isAlive(this.#parts.init);
  }

  /** Stops watching; the machine lives on. */
  leave(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    void this.#poll?.[Symbol.asyncDispose]();
  }

  /** Called when something may have ended it. Settles `ended` if so. */
  look(): void {
    if (this.#settled || this.#looking !== undefined) return;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  #watch(): void {
    const { cgroups, dir } = this.#parts;
    const paths = [dir, ...(cgroups.v2 === undefined ? [] : [join(cgroups.v2, "cgroup.events")])];
    for (const path of paths) {
      try {
        const watcher = watch(path, { persistent: false }, () => this.look());
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Gone already, or out of watches: the slow look below remains.
      }
    }
    this.#poll = every(
      limits.endPollMs,
      async () => this.look(),
      () => undefined,
    );
  }

  async #look(): Promise<void> {
    if (await isAlive(this.#parts.init)) return;
    await this.#conclude();
  }

  async #conclude(): Promise<void> {
    const { dir, cgroups } = this.#parts;
    const launcher = await readProcess(dir, "launcher.pid");
    let exitCode = await readExitCode(dir);
    // The launcher writes the code a moment after the death; without a launcher nobody will.
    for (let tries = 0; exitCode === undefined && tries < 50; tries += 1) {
      if (launcher === undefined || !(await isAlive(launcher))) {
        exitCode = (await readExitCode(dir)) ?? KILLED;
        break;
      }
      await sleep(10);
      exitCode = await readExitCode(dir);
    }
    const code = exitCode ?? KILLED;
    this.#finish({ exitCode: code, outOfMemory: code === KILLED && (await hadOutOfMemory(cgroups)) });
  }

  #finish(end: MachineEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.leave();
    this.#settle(end);
  }

  async #end(): Promise<void> {
    await this.#looking;
    if (!this.#settled && !(await isAlive(this.#parts.init))) await this.#conclude();
    await this.#parts.remove();
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
