/** Fault F1. The node's process is killed with SIGKILL while it boots, restores, seals or ends a machine; its successor shows
 * none that is half made, takes up what lives, and its sweep leaves nothing. Every third moment; all with SANDLOT_SOAK=1. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Runtime, SealedBuild } from "@sandlot/runtime-contract";
import { keepEverything, type Place, type Sealed, Suite, whatIsWrong } from "@sandlot/runtime-contract/conformance";
import type { Churn } from "./churn";
import { canRunMachines, QEMU_TRAITS, type QemuHarness, qemuHarness } from "./harness";

const missing = canRunMachines();
const TEST_MS = 290_000;
/** From its plans on paper over its jail to the guest's own boot, in milliseconds. */
const START_MS = [0, 5, 15, 30, 50, 75, 100, 140, 200, 300, 600, 1_200, 2_000, 2_600];
const RESTORE_MS = [0, 5, 15, 30, 50, 75, 100, 125, 150, 200, 250, 300, 400, 600];
const SEAL_MS = [0, 5, 10, 20, 30, 45, 60, 90, 120, 160, 220, 300, 500];
const END_MS = [0, 1, 2, 4, 6, 8, 11, 15, 20, 30, 50];
const some = (all: readonly number[]): readonly number[] =>
  process.env.SANDLOT_SOAK === "1" ? all : all.filter((_, at) => at % 3 === 1);

/** Processes that see a part of the node's directory in their own mounts, as every QEMU does and nobody else. */
async function jailed(nodeDir: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const mounts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "")));
  return pids.filter((_, at) => mounts[at]?.includes(`${nodeDir}/trees/`)).map((pid) => `jailed process ${pid}`);
}

describe.skipIf(missing !== undefined)(`a node that dies${missing === undefined ? "" : ` (${missing})`}`, () => {
  const suite = new Suite(QEMU_TRAITS);
  let harness: QemuHarness;
  let home: Place;
  let sealed: Sealed;

  beforeAll(async () => {
    harness = await qemuHarness("n");
    await suite.open(harness);
    home = await harness.place();
    await using running = await suite.start();
    await keepEverything(running);
    sealed = await suite.seal(running, home);
  }, TEST_MS);
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
    expect(await suite.close()).toEqual([]);
  }, TEST_MS);

  /** Runs a node of its own until so long after it has begun. */
  async function dieAfter(churn: Churn, afterMs: number): Promise<void> {
    const words = [process.execPath, join(import.meta.dir, "churn.ts"), JSON.stringify(churn)];
    const node = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
    const { value } = await node.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toStartWith("open");
    await Bun.sleep(afterMs);
    node.kill("SIGKILL");
    await node.exited;
  }

  /** What the host holds of machines, by the successor's word and by the host's own. */
  async function left(netns: string): Promise<string[]> {
    const links = Bun.spawnSync(["ip", "-n", netns, "-o", "link"]).stdout.toString().trim().split("\n");
    const taps = links.filter((line) => !line.includes(" lo: "));
    return [...(await harness.residue()), ...(await jailed(harness.config.nodeDir)), ...taps];
  }

  async function withSuccessor(work: (next: Runtime) => Promise<void>): Promise<void> {
    await using next = await harness.open();
    await work(next);
  }

  it.each([
    ["boots", "start", START_MS],
    ["restores", "restore", RESTORE_MS],
    ["ends", "end", END_MS],
  ] as const)(
    "while it %s a machine leaves nothing that its successor does not show or remove",
    async (_, what, moments) => {
      await using slot = await harness.lease();
      const { config } = harness;
      const base: SealedBuild = { buildId: "crash", layers: harness.layers };
      const from = { build: sealed.build, directory: home.path, ...memoryOf(sealed) };
      const churn: Churn = { config, what, slot, ...(what === "start" ? { build: base, directory: "" } : from) };
      for (const afterMs of some(moments)) {
        await dieAfter(churn, afterMs);
        await withSuccessor(async (next) => {
          // Shown is what was up: it runs for whoever finds it. An end goes on by itself, and may come between.
          const living = what === "end" ? [] : await next.list();
          await Promise.all(living.map((machine) => machine.freeze()));
          await Promise.all(living.map((machine) => machine.thaw()));
          await next.sweep(new Set());
          expect(await next.list()).toEqual([]);
        });
        expect(await left(slot.netnsPath.replace("/run/netns/", ""))).toEqual([]);
      }
    },
    TEST_MS,
  );

  it(
    "while it seals a machine leaves it frozen and whole",
    async () => {
      await using place = await harness.place();
      await using running = await suite.resume(sealed, "new");
      expect(await whatIsWrong(running)).toEqual([]);
      const { build } = sealed;
      const churn: Churn = { config: harness.config, what: "seal", slot: running.slot, build, directory: place.path };
      for (const afterMs of some(SEAL_MS)) {
        await dieAfter(churn, afterMs);
        await withSuccessor(async (next) => {
          const [machine] = await next.list();
          await machine?.thaw();
        });
        expect(await whatIsWrong(running)).toEqual([]);
      }
      // And it can be sealed as if nothing had been.
      await using last = await harness.place();
      const again = await suite.seal(running, last);
      await running.machine.end();
      await using resumed = await suite.resume(again, "keep");
      expect(await whatIsWrong(resumed)).toEqual([]);
    },
    TEST_MS,
  );
});

function memoryOf({ seal }: Sealed): Pick<Churn, "memory"> {
  if (seal.memory === undefined) throw new Error("sealed without memory");
  return { memory: seal.memory };
}
