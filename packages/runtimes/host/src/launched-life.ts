/** The end of a machine whose launcher attends it: noticed through the kernel, since none of its processes is our child. */
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import type { MachineEnd } from "@sandlot/runtime-contract";
import { hadOutOfMemory } from "./cgroup-state";
import type { MachineCgroups } from "./cgroups";
import { EndWatch } from "./end-watch";
import { limits } from "./limits";
import { isAlive, type ProcessRecord, readExit, readProcess } from "./processes";

/** The exit code of what was killed. */
const KILLED = 137;

export type LaunchedLifeParts = {
  /** The machine's, where the launcher notes its processes and `exit.json`. */
  readonly dir: string;
  /** The machine lives as long as this one. */
  readonly process: ProcessRecord;
  readonly cgroups: MachineCgroups;
  /** Gives back all the machine had. */
  readonly remove: () => Promise<void>;
  /** Called before an end takes anything away: what works on the machine has to stop. */
  readonly beforeEnd?: () => Promise<void>;
  /** How long a launcher may take to kill its machine until it is done from outside, in milliseconds. */
  readonly killMs: number;
  /** Rest between looks at machines whose end no event tells, in milliseconds. */
  readonly lookMs: number;
};

export class LaunchedLife {
  readonly ended: Promise<MachineEnd>;
  readonly #parts: LaunchedLifeParts;
  readonly #watch: EndWatch;
  #settle: (end: MachineEnd) => void = () => undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #settled = false;
  #ending: Promise<void> | undefined;

  constructor(parts: LaunchedLifeParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { v2 } = parts.cgroups;
    const paths = [parts.dir, ...(v2 === undefined ? [] : [join(v2, "cgroup.events")])];
    this.#watch = new EndWatch({ paths, lookMs: parts.lookMs, look: () => this.look() });
  }

  isAlive(): Promise<boolean> {
    return isAlive(this.#parts.process);
  }

  /** By its launcher, which writes down how it ended; without one by the long way. */
  async kill(): Promise<void> {
    const launcher = await readProcess(this.#parts.dir, "launcher.pid");
    if (!this.#settled && launcher !== undefined && (await isAlive(launcher))) {
      signalOrIgnore(launcher.pid);
      const told = new AbortController();
      const waited = sleep(this.#parts.killMs, told.signal).catch(() => undefined);
      await Promise.race([this.ended, waited]);
      told.abort(new Error("it has ended"));
    }
    if (!this.#settled) await this.end();
  }

  /** Once, however many ask; one that fails may be asked for again. */
  end(): Promise<void> {
    this.#ending ??= this.#end().catch((thrown) => {
      this.#ending = undefined;
      throw thrown;
    });
    return this.#ending;
  }

  /** Stops watching; the machine lives on. */
  leave(): void {
    this.#watch.stop();
  }

  /** Called when something may have ended it. Settles `ended` if so. */
  look(): void {
    if (this.#settled) return;
    if (this.#looking !== undefined) {
      this.#lookAgain = true; // the look that is under way may have seen it alive just before
      return;
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.look();
    });
  }

  async #look(): Promise<void> {
    if (!(await this.isAlive())) await this.#conclude();
  }

  async #conclude(): Promise<void> {
    const { dir, cgroups } = this.#parts;
    const launcher = await readProcess(dir, "launcher.pid");
    let exit = await readExit(dir);
    // The launcher writes it a moment after the death; without a launcher nobody will.
    for (let waitedMs = 0; exit === undefined && waitedMs < limits.exitWrittenMs; waitedMs += 10) {
      const isLast = launcher === undefined || !(await isAlive(launcher));
      exit = await readExit(dir);
      if (isLast) break;
      if (exit === undefined) await sleep(10);
    }
    const exitCode = exit?.exitCode ?? KILLED;
    const killedForMemory = async (): Promise<boolean> => (exit?.oomKills ?? 0) > 0 || (await hadOutOfMemory(cgroups));
    this.#finish({ exitCode, outOfMemory: exitCode === KILLED && (await killedForMemory()) });
  }

  #finish(end: MachineEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.leave();
    this.#settle(end);
  }

  async #end(): Promise<void> {
    await this.#parts.beforeEnd?.();
    await this.#looking;
    if (!this.#settled && !(await this.isAlive())) await this.#conclude();
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
