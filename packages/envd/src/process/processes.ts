/** All processes started through envd: those that live, and for a while how the others ended. */
import type { Clock } from "@sandlot/lifetime";
import { ENDED_KEPT_MS } from "../limits";
import type { EndStatus } from "./end-status";
import { faults } from "./faults";
import { type LaunchOptions, launch } from "./launch";
import { LiveProcess } from "./live-process";

export type Selector = { readonly pid: number } | { readonly tag: string };

/** As the client asked for it; reported by List. */
export type AskedConfig = {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
};

export type Entry = { readonly process: LiveProcess; readonly config: AskedConfig };

export type Ended = { readonly pid: number; readonly tag: string | undefined; readonly end: EndStatus };

export class Processes {
  readonly #live = new Map<number, Entry>();
  readonly #ended = new Map<number, Ended & { readonly forget: Disposable }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(of: { launch: LaunchOptions; config: AskedConfig; tag: string | undefined }): LiveProcess {
    const process = new LiveProcess(launch(of.launch), of.tag);
    this.#dropReused(process);
    const entry = { process, config: of.config };
    this.#live.set(process.pid, entry);
    void process.ended.then((end) => {
      // The kernel may have given the pid to a newer process while a grandchild held this one's pipes.
      if (this.#live.get(process.pid) === entry) this.#live.delete(process.pid);
      this.#keepEnd({ pid: process.pid, tag: process.tag, end });
    });
    return process;
  }

  list(): readonly Entry[] {
    return [...this.#live.values()];
  }

  readLive(selector: Selector): LiveProcess | undefined {
    if ("pid" in selector) return this.#live.get(selector.pid)?.process;
    return this.list().find((entry) => entry.process.tag === selector.tag)?.process;
  }

  /** @throws Fault `process_pid_missing`, `process_tag_missing` */
  loadLive(selector: Selector): LiveProcess {
    const process = this.readLive(selector);
    if (process !== undefined) return process;
    throw "pid" in selector ? faults.pid_missing(selector) : faults.tag_missing(selector);
  }

  /** How a process ended, for 30 s after. */
  readEnded(selector: Selector): Ended | undefined {
    if ("pid" in selector) return this.#ended.get(selector.pid);
    return [...this.#ended.values()].findLast((ended) => ended.tag === selector.tag);
  }

  #keepEnd(ended: Ended): void {
    if (this.#live.has(ended.pid)) return;
    this.#drop(ended.pid);
    const forget = this.#clock.after(ENDED_KEPT_MS, () => this.#ended.delete(ended.pid));
    this.#ended.set(ended.pid, { ...ended, forget });
  }

  #dropReused(process: LiveProcess): void {
    this.#drop(process.pid);
    if (process.tag === undefined) return;
    for (const ended of [...this.#ended.values()]) if (ended.tag === process.tag) this.#drop(ended.pid);
  }

  #drop(pid: number): void {
    this.#ended.get(pid)?.forget[Symbol.dispose]();
    this.#ended.delete(pid);
  }
}
