/** What `./sandlot test` runs, in order. Used by scripts/test.ts. */
import { join } from "node:path";
import { CHECKOUT, prepareMachine } from "@sandlot/stack";
import { clientFiles, integrationFiles, unitFiles } from "./find";
import { startInstallation, type TestInstallation } from "./installation";
import { bunTest, check, nodeTest, type Run } from "./run";
import type { Tally } from "./tally";

export const PARTS = ["checks", "unit", "integration", "e2e"] as const;
export type Part = (typeof PARTS)[number];

export async function runParts(of: {
  parts: readonly Part[];
  withSoak: boolean;
  tally: Tally;
  signal: AbortSignal;
}): Promise<void> {
  const env = testEnv();
  const run: Run = { tally: of.tally, signal: of.signal, env };
  const startMs = performance.now();
  const needsMachine = of.parts.some((part) => part !== "unit");
  if (needsMachine) {
    console.log("== preparing the machine");
    const machine = await prepare(run, startMs);
    if (machine === undefined) return;
    env.SANDLOT_TEST_BASE_EROFS = machine.baseLayer;
    // Without one, the tests of memory pauses fail and say so: on our own machines it must be there.
    env.SANDLOT_TEST_CRIU = machine.criuPath ?? "";
    // The same of virtual machines.
    env.SANDLOT_TEST_KERNEL = machine.kernelDir ?? "";
  }
  if (of.parts.includes("checks")) await runChecks(run);
  if (of.parts.includes("unit")) await bunTest(run, { name: "unit", files: unitFiles(), limitSeconds: 180 });
  if (of.parts.includes("integration")) {
    for (const file of integrationFiles())
      await bunTest(run, { name: shortName(file), files: [file], limitSeconds: 240 });
  }
  if (of.parts.includes("e2e")) await runEndToEnd(run, of.withSoak);
}

/** Tests see the same few variables on every machine. */
function testEnv(): Record<string, string> {
  const bin = join(CHECKOUT, "node_modules/.bin");
  const held = Object.entries(process.env).filter(([name, value]) => value !== undefined && !name.startsWith("E2B_"));
  return {
    ...(Object.fromEntries(held) as Record<string, string>),
    PATH: `${bin}:${process.env.PATH ?? ""}`,
    NO_COLOR: "1",
  };
}

async function prepare(run: Run, startMs: number): Promise<Awaited<ReturnType<typeof prepareMachine>> | undefined> {
  const say = (step: string, text: string): void =>
    console.log(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${step.padEnd(9)} ${text}`);
  try {
    return await prepareMachine({ say }, run.signal);
  } catch (thrown) {
    console.log(`preparing failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    run.tally.add("preparing the machine", { passed: 0, failed: 1, skipped: 0 }, (performance.now() - startMs) / 1000);
    return undefined;
  }
}

async function runChecks(run: Run): Promise<void> {
  const bin = (name: string): string => join(CHECKOUT, "node_modules/.bin", name);
  await check(run, "format and lint", [
    bin("biome"),
    "ci",
    "--diagnostic-level=error",
    "--max-diagnostics=50",
    "--colors=off",
  ]);
  await check(run, "types", [bin("tsc"), "--noEmit", "-p", "."]);
  await check(run, "generated code is current", [process.execPath, "scripts/check-generated.ts"]);
  await check(run, "rules of the house", [process.execPath, "scripts/check.ts"]);
}

const shortName = (file: string): string => file.replace(/^packages\//, "").replace(/\.int\.test\.ts$/, "");

async function runEndToEnd(run: Run, withSoak: boolean): Promise<void> {
  const startMs = performance.now();
  let installation: TestInstallation;
  try {
    installation = await startInstallation(run.signal);
  } catch (thrown) {
    console.log(String(thrown));
    run.tally.add("up", { passed: 0, failed: 1, skipped: 0 }, (performance.now() - startMs) / 1000);
    return;
  }
  run.tally.add("up", { passed: 1, failed: 0, skipped: 0 }, (performance.now() - startMs) / 1000);
  try {
    await driveClients(run, installation, withSoak);
  } finally {
    const endMs = performance.now();
    const left = await installation.end();
    for (const line of left) console.log(`left behind: ${line}`);
    const counts = { passed: left.length === 0 ? 1 : 0, failed: left.length === 0 ? 0 : 1, skipped: 0 };
    run.tally.add("down leaves nothing", counts, (performance.now() - endMs) / 1000);
  }
}

/** Both client versions see the whole behaviour; our own programs, attacks and faults need one. */
async function driveClients(run: Run, installation: TestInstallation, withSoak: boolean): Promise<void> {
  for (const name of ["e2b", "e2b-oldest"]) {
    const env = { ...installation.env, SANDLOT_E2B_PACKAGE: name };
    const files = clientFiles("e2e").filter((file) => !isOfShipped(file) && (name === "e2b" || !isOfOneClient(file)));
    await nodeTest(run, { name: `e2e with ${name}`, files, limitSeconds: 900, env });
  }
  const { env } = installation;
  // Most of this is the installing of packages from Debian's archive: it has a limit of its own.
  const shipped = clientFiles("e2e").filter(isOfShipped);
  await nodeTest(run, { name: "e2e of shipped templates", files: shipped, limitSeconds: 600, env });
  for (const folder of ["attacks", "faults", "hosts", ...(withSoak ? (["soak"] as const) : [])] as const) {
    const files = clientFiles(folder);
    if (files.length > 0)
      await nodeTest(run, { name: folder, files, limitSeconds: folder === "soak" ? 7_200 : 900, env });
  }
}

/** Files that drive something else than the JavaScript client, and would only do so twice. */
const isOfOneClient = (file: string): boolean => /\/(cli|curl|python)[^/]*\.test\.mjs$/.test(file);

/** Templates of ours, and images, each with the client that asks for it. */
const isOfShipped = (file: string): boolean => /\/(code-interpreter|desktop|docker-push)\.test\.mjs$/.test(file);
