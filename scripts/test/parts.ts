/** What `./sandlot test` runs, in order. Used by scripts/test.ts. */
import { join } from "node:path";
import { CHECKOUT, prepareMachine } from "@sandlot/stack";
import { clientFiles, integrationFiles, unitFiles } from "./find";
import { startInstallation, type TestInstallation } from "./installation";
import type { Outputs } from "./outputs";
import { bunTest, check, nodeTest, type Run } from "./run";
import type { Tally } from "./tally";

export const PARTS = ["checks", "unit", "integration", "e2e"] as const;
export type Part = (typeof PARTS)[number];

export async function runParts(of: {
  parts: readonly Part[];
  withSoak: boolean;
  tally: Tally;
  outputs: Outputs;
  signal: AbortSignal;
}): Promise<void> {
  const env = testEnv();
  const run: Run = { tally: of.tally, outputs: of.outputs, signal: of.signal, env };
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
  await inLanes([
    async () => {
      if (of.parts.includes("checks")) await runChecks(run);
    },
    async () => {
      if (of.parts.includes("unit")) await bunTest(run, { name: "unit", files: unitFiles(), limitSeconds: 480 });
    },
  ]);
  if (of.parts.includes("integration"))
    await inLanes(lanesOf(integrationFiles()).map((files) => () => runFiles(run, files, of.withSoak)));
  if (of.parts.includes("e2e")) await runEndToEnd(run, of.withSoak);
}

/** Side by side, all to their end; the first failure of the harness itself is thrown afterwards. */
async function inLanes(lanes: readonly (() => Promise<void>)[]): Promise<void> {
  const ended = await Promise.allSettled(lanes.map((lane) => lane()));
  const failed = ended.find((lane) => lane.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Integration files that may run side by side, each lane one after the other: what measures and counts objects of the kernel
 * (links, mounts, cgroups, machines) does so alone; the api mostly waits.
 */
function lanesOf(files: readonly string[]): string[][] {
  const laneOf = (file: string): number => {
    if (/^packages\/(egress|network|orchestrator|runtimes|stack)\//.test(file)) return 0;
    return file.startsWith("packages/api/") ? 1 : 2;
  };
  return [0, 1, 2].map((lane) => files.filter((file) => laneOf(file) === lane));
}

/** Those that repeat themselves more often, or for longer, when SANDLOT_SOAK is 1. */
const hasLongForm = (file: string): boolean =>
  /^packages\/(runtimes\/qemu\/test\/(qemu|qemu-seals|node-dies)|envd\/test\/soak)\.int\.test\.ts$/.test(file);

async function runFiles(run: Run, files: readonly string[], withSoak: boolean): Promise<void> {
  for (const file of files) {
    const long = withSoak && hasLongForm(file) ? { limitSeconds: 1_800, env: { SANDLOT_SOAK: "1" } } : undefined;
    await bunTest(run, { name: shortName(file), files: [file], limitSeconds: 600, ...long });
  }
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
    const why = `preparing failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    console.log(why);
    const seconds = (performance.now() - startMs) / 1000;
    run.tally.add("preparing the machine", { passed: 0, failed: 1, skipped: 0 }, seconds, [why]);
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

/** Two installations, so that two groups of client tests run side by side without seeing each other's sandboxes. */
async function runEndToEnd(run: Run, withSoak: boolean): Promise<void> {
  const installations: TestInstallation[] = [];
  try {
    for (const name of ["up", "up beside it"]) {
      const startMs = performance.now();
      const seconds = (): number => (performance.now() - startMs) / 1000;
      try {
        installations.push(await startInstallation(run.signal));
      } catch (thrown) {
        console.log(String(thrown));
        run.tally.add(name, { passed: 0, failed: 1, skipped: 0 }, seconds(), [String(thrown)]);
        return;
      }
      run.tally.add(name, { passed: 1, failed: 0, skipped: 0 }, seconds());
    }
    await driveClients(run, installations as [TestInstallation, TestInstallation], withSoak);
  } finally {
    for (const installation of installations.reverse()) await endCounted(run, installation);
  }
}

async function endCounted(run: Run, installation: TestInstallation): Promise<void> {
  const startMs = performance.now();
  const left = await installation.end();
  for (const line of left) console.log(`left behind: ${line}`);
  const counts = { passed: left.length === 0 ? 1 : 0, failed: left.length === 0 ? 0 : 1, skipped: 0 };
  run.tally.add("down leaves nothing", counts, (performance.now() - startMs) / 1000, left);
}

/**
 * Both client versions see the whole behaviour; our own programs, attacks and faults need one. Attacks measure what others take
 * of the host, and the hosts' tests change its firewall: nothing else runs beside them.
 */
async function driveClients(
  run: Run,
  [first, second]: readonly [TestInstallation, TestInstallation],
  withSoak: boolean,
): Promise<void> {
  const drive = async (name: string, files: string[], of: { env: TestInstallation["env"]; limitSeconds?: number }) => {
    if (files.length > 0) await nodeTest(run, { name, files, limitSeconds: 1_200, ...of });
  };
  const ofClient = (name: string) => {
    const isOurs = (file: string): boolean =>
      !isOfShipped(file) && !isOfMicroVms(file) && (name === "e2b" || !isOfOneClient(file));
    return clientFiles("e2e").filter(isOurs);
  };
  await inLanes([
    async () => {
      const env = { ...first.env, SANDLOT_E2B_PACKAGE: "e2b" };
      await drive("e2e with e2b", ofClient("e2b"), { env });
      // Most of this is the installing of packages from Debian's archive.
      await drive("e2e of shipped templates", clientFiles("e2e").filter(isOfShipped), { env });
    },
    async () => {
      const env = { ...second.env, SANDLOT_E2B_PACKAGE: "e2b-oldest" };
      await drive("e2e with e2b-oldest", ofClient("e2b-oldest"), { env });
      await drive("faults", clientFiles("faults"), { env: second.env });
    },
  ]);
  // Software runs them where no KVM does: beside others they would take their time, and others theirs.
  const microVms = clientFiles("e2e").filter(isOfMicroVms);
  await drive("e2e of virtual machines", microVms, { env: first.env, limitSeconds: 600 });
  for (const folder of ["attacks", "hosts", ...(withSoak ? (["soak"] as const) : [])] as const)
    await drive(folder, clientFiles(folder), { env: first.env, limitSeconds: folder === "soak" ? 7_200 : 900 });
}

/** Files that drive something else than the JavaScript client, and would only do so twice. */
const isOfOneClient = (file: string): boolean => /\/(cli|curl|python)[^/]*\.test\.mjs$/.test(file);

/** In an installation of its own, whose sandboxes are virtual machines. */
const isOfMicroVms = (file: string): boolean => /\/microvm\.test\.mjs$/.test(file);

/** Templates of ours, and images, each with the client that asks for it. */
const isOfShipped = (file: string): boolean => /\/(code-interpreter|desktop|docker-push)\.test\.mjs$/.test(file);
