/** Counts of everything that ran, and the last line that CI reads. Used by scripts/test.ts. */

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

type Row = Counts & { readonly name: string; readonly seconds: number; readonly failures: readonly string[] };

/** Of each part: enough to know what broke, where only the end of the output is kept. */
const FAILURES_TOLD = 20;

export class Tally {
  readonly #rows: Row[] = [];

  /** @param failures what failed, a line each */
  add(name: string, counts: Counts, seconds: number, failures: readonly string[] = []): void {
    this.#rows.push({ name, seconds, failures, ...counts });
  }

  get failed(): number {
    return this.#sum("failed");
  }

  #sum(key: keyof Counts): number {
    return this.#rows.reduce((sum, row) => sum + row[key], 0);
  }

  /** One line per part, then one per failure; skipped tests are said out loud. */
  report(): string {
    const parts = this.#rows.map(
      ({ name, passed, failed, skipped, seconds }) =>
        `${failed === 0 ? "ok  " : "FAIL"}  ${name.padEnd(34)}${String(passed).padStart(5)} passed${String(failed).padStart(5)} failed${String(skipped).padStart(5)} skipped${seconds.toFixed(1).padStart(9)} s`,
    );
    const failures = this.#rows.flatMap(({ name, failures }) =>
      failures.slice(0, FAILURES_TOLD).map((failure) => `FAIL  ${name}: ${failure}`),
    );
    return ["", ...parts, ...(failures.length === 0 ? [] : ["", ...failures])].join("\n");
  }

  closingLine(): string {
    const skipped = this.#sum("skipped");
    return `${this.#sum("passed")} passed, ${this.failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
  }
}

/** Of a JUnit file that `bun test` wrote: the totals stand in the root element. Undefined when there is none. */
export function countJunit(xml: string): Counts | undefined {
  const root = /<testsuites\b([^>]*)>/.exec(xml)?.[1];
  if (root === undefined) return undefined;
  const read = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = read("failures") + read("errors");
  const skipped = read("skipped");
  return { passed: read("tests") - failed - skipped, failed, skipped };
}

/** Of the summary that `node --test` ends with, in its own or TAP's marks. Undefined when it has none. */
export function countSpec(output: string): Counts | undefined {
  const read = (name: string): number | undefined => {
    const found = [...output.matchAll(new RegExp(`^(?:#|\u2139) ${name} (\\d+)$`, "gm"))].at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const passed = read("pass");
  if (passed === undefined) return undefined;
  const failed = (read("fail") ?? 0) + (read("cancelled") ?? 0);
  return { passed, failed, skipped: (read("skipped") ?? 0) + (read("todo") ?? 0) };
}

/** The names of failed tests in what `bun test` or the spec reporter of `node --test` printed, each once. */
export function failedNames(output: string): string[] {
  const names = [...output.matchAll(/^(?:\(fail\)|\s*\u2716) (.+?)(?: [[(][\d.]+ ?ms[\])])$/gm)];
  return [...new Set(names.map(([, name]) => name ?? ""))];
}
