/** Runs one piece of testing as a process and counts it. Used by scripts/test/parts.ts. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT } from "@sandlot/stack";
import type { Output, Outputs } from "./outputs";
import { type Counts, countJunit, countSpec, failedNames, type Tally } from "./tally";

export type Run = {
  readonly tally: Tally;
  readonly outputs: Outputs;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string>>;
};

/** How long a child that has ended may still be heard. */
const STREAMS_END_MS = 2_000;

/** A run whose totals cannot be read, or that ends badly without a failed test, counts as one failure. */
async function runCounted(
  run: Run,
  of: { name: string; argv: readonly string[]; limitSeconds: number; env?: Readonly<Record<string, string>> },
  count: (exitCode: number, output: string) => Counts | undefined,
): Promise<void> {
  if (run.signal.aborted) return;
  const output = run.outputs.open();
  const say = (text: string): void => output.write(new TextEncoder().encode(`${text}\n`));
  say(`\n== ${of.name}`);
  const startMs = performance.now();
  const child = Bun.spawn([...of.argv], {
    cwd: CHECKOUT,
    env: { ...run.env, ...of.env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([run.signal, AbortSignal.timeout(of.limitSeconds * 1000)]),
    killSignal: "SIGTERM",
  });
  const streams = [new LastOf(child.stdout, output), new LastOf(child.stderr, output)];
  const exitCode = await child.exited;
  // What the child has left running may hold its streams open.
  await Promise.race([Promise.all(streams.map(({ ended }) => ended)), Bun.sleep(STREAMS_END_MS)]);
  const printed = streams.map(({ text }) => text).join("\n");
  const counted = count(exitCode, printed);
  const isConsistent = counted !== undefined && (exitCode === 0) === (counted.failed === 0);
  const inconsistency = `ended with exit code ${exitCode} (limit ${of.limitSeconds} s)`;
  if (!isConsistent) say(`${of.name} ${inconsistency}`);
  output.end();
  const counts = isConsistent
    ? counted
    : { passed: counted?.passed ?? 0, failed: (counted?.failed ?? 0) + 1, skipped: counted?.skipped ?? 0 };
  const named = failedNames(printed);
  const failures = named.length > 0 ? named : lastLines(printed);
  const told = counts.failed === 0 ? [] : [...failures, ...(isConsistent ? [] : [inconsistency])];
  run.tally.add(of.name, counts, (performance.now() - startMs) / 1000, told);
}

const lastLines = (text: string): string[] => text.trimEnd().split("\n").slice(-8);

/** Passes on what is written as it comes, and keeps the last 64 KiB of it. */
class LastOf {
  text = "";
  readonly ended: Promise<void>;
  constructor(stream: ReadableStream<Uint8Array>, output: Output) {
    this.ended = this.#passOn(stream, output);
  }
  async #passOn(stream: ReadableStream<Uint8Array>, output: Output): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output.write(chunk);
      this.text = (this.text + decoder.decode(chunk, { stream: true })).slice(-65_536);
    }
  }
}

/** A command that is right when it exits with 0. */
export function check(run: Run, name: string, argv: readonly string[], limitSeconds = 300): Promise<void> {
  return runCounted(run, { name, argv, limitSeconds }, (exitCode) =>
    exitCode === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 },
  );
}

export async function bunTest(
  run: Run,
  of: { name: string; files: readonly string[]; limitSeconds: number; env?: Readonly<Record<string, string>> },
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-junit-"));
  const outfile = join(dir, "junit.xml");
  const files = of.files.map((file) => `./${file}`);
  // A busy machine makes tests slow, not wrong: a case's time ends what hangs.
  const argv = [
    process.execPath,
    "test",
    "--timeout=60000",
    "--reporter=junit",
    `--reporter-outfile=${outfile}`,
    ...files,
  ];
  await runCounted(run, { ...of, argv }, () =>
    existsSync(outfile) ? countJunit(readFileSync(outfile, "utf8")) : undefined,
  );
  rmSync(dir, { recursive: true, force: true });
}

export async function nodeTest(
  run: Run,
  of: { name: string; files: readonly string[]; limitSeconds: number; env?: Readonly<Record<string, string>> },
): Promise<void> {
  // One file that hangs, or a connection left open by one, must not take the others' results along: Node counts this
  // limit per file as well as per test.
  const bounds = [`--test-timeout=${Math.max(120, of.limitSeconds / 2) * 1000}`, "--test-force-exit"];
  // Files share one installation, and some kill its services: on a host with many cores Node would run them side by side.
  bounds.push("--test-concurrency=1");
  const argv = ["node", "--test", ...bounds, "--test-reporter=spec", ...of.files];
  await runCounted(run, { ...of, argv }, (_, output) => countSpec(output));
}
