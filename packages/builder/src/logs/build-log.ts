/** The lines of one build, in memory, numbered from 0; readers wait for the next one. */
import { limits } from "../limits";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogEntry = {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** `base`, a step's number from 1, `finalize`, or empty. */
  readonly step: string;
};

export class BuildLog {
  readonly #entries: LogEntry[] = [];
  readonly #nowMs: () => number;
  #waiting: (() => void)[] = [];
  #isFull = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get length(): number {
    return this.#entries.length;
  }

  add(entry: { message: string; level?: LogLevel; step?: string }): void {
    this.#push({ atMs: this.#nowMs(), level: entry.level ?? "info", message: entry.message, step: entry.step ?? "" });
  }

  /** A line that a command wrote; the first to be given up when there are too many. */
  addOutput(entry: { message: string; level?: LogLevel; step?: string }): void {
    if (this.#isFull) return;
    if (this.#entries.length < limits.logLines) {
      this.add(entry);
      return;
    }
    this.#isFull = true;
    this.add({ message: `The log has ${limits.logLines} lines: further output is not shown`, level: "warn" });
  }

  read(of: { offset: number; limit: number }): LogEntry[] {
    return this.#entries.slice(of.offset, of.offset + of.limit);
  }

  /** Resolves at the next line or `wake`, or when `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** For what readers wait for besides lines. */
  wake(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const resolve of woken) resolve();
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.wake();
  }
}
