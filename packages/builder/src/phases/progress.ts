/** Where a build stands, as its log and its reason say it. */
import type { BuildLog, LogLevel } from "../logs/build-log";

export class Progress {
  readonly #log: BuildLog;
  /** `base`, a step's number from 1, `finalize`, or empty before and after. */
  step = "";
  /** What lines of the phase begin with: `base`, `builder 2/5`, `finalize`. */
  #prefix = "";

  constructor(log: BuildLog) {
    this.#log = log;
  }

  enter(of: { step: string; prefix: string }): void {
    this.step = of.step;
    this.#prefix = of.prefix;
  }

  /** The line that opens a phase: what is done, and the key under which its result is kept. */
  phase(of: { what: string; key?: string; isCached?: boolean }): void {
    const cached = of.isCached === true ? "CACHED " : "";
    const key = of.key === undefined ? "" : ` [${of.key}]`;
    this.say(`${cached}[${this.#prefix}] ${of.what}${key}`);
  }

  say(message: string, level: LogLevel = "info"): void {
    this.#log.add({ message, level, step: this.step });
  }

  /** One line of a command. */
  output(line: string, from: "stdout" | "stderr", of: { level?: LogLevel; prefix?: string } = {}): void {
    const message = `[${of.prefix ?? this.#prefix}] [${from}]: ${line}`;
    this.#log.addOutput({ message, level: of.level ?? "info", step: this.step });
  }
}
