/** What envd does while nobody asks anything of it, alone in a namespace of processes as in a sandbox. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { run, startTestEnvd, type TestEnvd } from "./harness";

const OUTER = "127.0.0.78";
/** As the guest's init gives it. */
const ENGINE = { BUN_GC_TIMER_DISABLE: "1", BUN_JSC_collectionTimerMaxPercentCPU: "0.0001" };
/** Stands for the guest's init: waits for envd and for nothing else. */
const ALONE = [
  "unshare",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
  "--propagation",
  "slave",
  "sh",
  "-c",
  '"$@"; exit',
  "sh",
];

const isRoot = process.getuid?.() === 0;
let envd: TestEnvd;
let pid: number;

function childOf(parent: number): number {
  return Number(readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ")[0]);
}

/** How often the thread that runs envd's own code has gone to sleep. */
function rests(): number {
  const status = readFileSync(`/proc/${pid}/task/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}

async function restsWithin(ms: number): Promise<number> {
  const before = rests();
  await Bun.sleep(ms);
  return rests() - before;
}

/** The quietest of some windows: what a start or a command has set going may still be in the first. */
async function quietest(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let window = 0; window < 6 && least > 0; window += 1) least = Math.min(least, await restsWithin(3_000));
  return least;
}

async function reaches(url: string, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  do {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return true;
    await Bun.sleep(50);
  } while (performance.now() < until);
  return false;
}

beforeAll(async () => {
  if (!isRoot) return;
  envd = await startTestEnvd({ ENVD_FORWARD_ADDRESS: OUTER, ...ENGINE }, ALONE);
  pid = childOf(childOf(envd.pid));
});
afterAll(() => envd?.[Symbol.asyncDispose]());

test.skipIf(!isRoot)(
  "alone in its sandbox it does nothing at all",
  async () => {
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("-isnotfc");
    expect(await quietest()).toBe(0);
  },
  60_000,
);

test.skipIf(!isRoot)(
  "a port that a command opens is found from that rest, and what it left behind is watched on",
  async () => {
    const port = 20_000 + (process.pid % 10_000);
    const server = `Bun.serve({ hostname: "127.0.0.1", port: ${port}, fetch: () => new Response("inside") })`;
    // The command ends at once; its server lives on under the sandbox's init, and envd lists it no more.
    const ran = await run(envd, {
      script: `setsid '${process.execPath}' -e '${server}' >/dev/null 2>&1 & echo $!`,
      user: "root",
    });
    expect(ran.end?.exited).toBe(true);
    expect(await reaches(`http://${OUTER}:${port}/`, 20_000)).toBe(true);
    await Bun.sleep(2_000);
    const gone = await run(envd, { script: `kill -9 ${ran.stdout.trim()}`, user: "root" });
    expect(gone.end?.exited).toBe(true);
    let isReached = true;
    for (let tries = 0; tries < 200 && isReached; tries += 1) {
      isReached = await reaches(`http://${OUTER}:${port}/`, 0);
      await Bun.sleep(100);
    }
    expect(isReached).toBe(false);
  },
  60_000,
);
