/** Runs one piece of testing as a process and counts it. Used by scripts/test/parts.ts. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT } from "@sandlot/stack";
import { type Counts, countJunit, countSpec, type Tally } from "./tally";

export type Run = {
  readonly tally: Tally;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string>>;
};

/** A run whose totals cannot be read, or that ends badly without a failed test, counts as one failure. */
async function runCounted(
  run: Run,
  of: { name: string; argv: readonly string[]; limitSeconds: number; env?: Readonly<Record<string, string>> },
  count: (exitCode: number, output: string) => Counts | undefined,
): Promise<void> {
  if (run.signal.aborted) return;
  console.log(`\n== ${of.name}`);
  const startMs = performance.now();
  const child = Bun.spawn([...of.argv], {
    cwd: CHECKOUT,
    env: { ...run.env, ...of.env },
    stdio: ["ignore", "pipe", "inherit"],
    signal: AbortSignal.any([run.signal, AbortSignal.timeout(of.limitSeconds * 1000)]),
    killSignal: "SIGTERM",
  });
  const output = await passOn(child.stdout);
  const exitCode = await child.exited;
  const counted = count(exitCode, output);
  const isConsistent = counted !== undefined && (exitCode === 0) === (counted.failed === 0);
  if (!isConsistent) console.log(`${of.name} ended with exit code ${exitCode} (limit ${of.limitSeconds} s)`);
  const counts = isConsistent
    ? counted
    : { passed: counted?.passed ?? 0, failed: (counted?.failed ?? 0) + 1, skipped: counted?.skipped ?? 0 };
  run.tally.add(of.name, counts, (performance.now() - startMs) / 1000);
}

/** Shows what is written as it comes. @returns the last 64 KiB of it */
async function passOn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let last = "";
  for await (const chunk of stream) {
    process.stdout.write(chunk);
    last = (last + decoder.decode(chunk, { stream: true })).slice(-65_536);
  }
  return last;
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
    "--timeout=30000",
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
