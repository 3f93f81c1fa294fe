/**
 * Numbers of real machines with a real envd, one JSON line each; called by bench/microvm.mjs on a quiet machine. Needs
 * SANDLOT_TEST_KERNEL, SANDLOT_TEST_BASE_EROFS and SANDLOT_TEST_GUEST_LAYER (a guest layer with envd).
 */
import { readFileSync, statSync } from "node:fs";
import type { MachineSlot } from "@sandlot/runtime-contract";
import { type Running, type Sealed, Suite, sealedAt } from "@sandlot/runtime-contract/conformance";
import type { QemuMachine } from "../src/machine";
import { qemuHarness } from "./harness";

const LIMITS = { cpuCount: 1, memoryMiB: 256, diskMiB: 512, pidsMax: 512 };
const HEALTH = "http://169.254.0.21:49983/health";
const ROUNDS = Number(process.env.ROUNDS ?? 15);
const IDLE = Number(process.env.IDLE ?? 40);

const say = (name: string, value: number): void => void process.stdout.write(`${JSON.stringify({ name, value })}\n`);

/** Stands in the slot's network, already running; asks envd when it is told to, until it answers. @returns when, as `Date.now()` */
function startClient(slot: MachineSlot) {
  const script = `process.stdout.write("up\\n"); for await (const _ of console) { for (;;) { try {
    const answer = await fetch("${HEALTH}", { keepalive: false, signal: AbortSignal.timeout(2000) });
    if (answer.ok) { console.log(Date.now()); break; } } catch {} await Bun.sleep(3); } }`;
  const words = ["nsenter", `--net=${slot.netnsPath}`, process.execPath, "-e", script];
  const child = Bun.spawn(words, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const line = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value).trim();
  return {
    up: () => line(),
    async answered(): Promise<number> {
      child.stdin.write("go\n");
      await child.stdin.flush();
      return Number(await line());
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

async function timedRestore(
  suite: Suite,
  sealed: Sealed,
): Promise<{ running: Running; agentMs: number; httpMs: number }> {
  const slot = await suite.harness.lease();
  using client = startClient(slot);
  await client.up();
  const startMs = Date.now();
  const request = { ...suite.request(slot, LIMITS), build: sealed.build, restore: sealed.restore("new") };
  const machine = await suite.runtime.start(request, AbortSignal.timeout(60_000));
  const agentMs = Date.now() - startMs;
  const httpMs = (await client.answered()) - startMs;
  const running: Running = {
    machine,
    slot,
    run: () => Promise.reject(new Error("no stand-in here")),
    async [Symbol.asyncDispose]() {
      await machine.end();
      await slot[Symbol.asyncDispose]();
    },
  };
  return { running, agentMs, httpMs };
}

/** @returns when its processes are next told to stand still, as `performance.now()` */
function noteFreeze(machine: QemuMachine): Promise<number> {
  const noted = Promise.withResolvers<number>();
  const withAgent = machine.withAgent.bind(machine);
  machine.withAgent = (work, withinMs) =>
    withAgent(
      (agent) =>
        work({
          ...agent,
          freeze: () => {
            noted.resolve(performance.now());
            return agent.freeze();
          },
        }),
      withinMs,
    );
  return noted.promise;
}

/** @returns the seal, how long the machine stood still for it, and what of its memory was written */
async function timedSeal(running: Running, path: string) {
  const frozenMs = noteFreeze(running.machine as QemuMachine);
  await running.machine.freeze();
  let stoodMs = 0;
  const onWritten = async (): Promise<void> => {
    stoodMs = performance.now() - (await frozenMs);
  };
  const seal = await running.machine.seal({ directory: path, memory: true, onWritten }, AbortSignal.timeout(120_000));
  const written = (seal.memory?.files ?? []).filter(({ name }) => name !== "memory" || !hasDiff(seal));
  const bytes = written.reduce((sum, { name }) => sum + statSync(`${path}/memory/${name}`).blocks * 512, 0);
  return { seal, stoodMs, bytes };
}

const hasDiff = (seal: Sealed["seal"]): boolean =>
  seal.memory?.files.some(({ name }) => name === "memory-diff") ?? false;

/** The promise: so long, and the time that writing its memory takes at 300 MB/s. */
const beyond300 = (stoodMs: number, bytes: number): number => stoodMs - bytes / 300_000;

function costOf(pid: number): { pssMb: number; ticks: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    pssMb: Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024,
    ticks: Number(fields[11]) + Number(fields[12]),
  };
}

async function measureIdle(nodeDir: string, machines: readonly Running[]): Promise<void> {
  const pids = machines.flatMap(({ machine }) =>
    ["vmm.pid", "launcher.pid"].map((name) =>
      Number(readFileSync(`${nodeDir}/machines/${machine.machineId}/${name}`, "utf8").split(" ")[0]),
    ),
  );
  await Bun.sleep(10_000); // what waking up has set going
  const before = pids.map(costOf);
  const windowMs = 20_000;
  await Bun.sleep(windowMs);
  const after = pids.map(costOf);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  say("idlePssMb", sum(after.map(({ pssMb }) => pssMb)) / machines.length);
  const ticks = sum(after.map((one, at) => one.ticks - (before[at]?.ticks ?? 0)));
  say("idleCpuPercent", (ticks * 10) / (windowMs / 100) / machines.length);
}

const harness = await qemuHarness("b", { guestLayerDir: process.env.SANDLOT_TEST_GUEST_LAYER ?? "" });
const suite = new Suite({ memory: false });
await suite.open(harness);
await using stack = new AsyncDisposableStack();
stack.defer(async () => void (await suite.close()));
const place = async () => stack.use(await harness.place());

const bootMs = Date.now();
const slot = await harness.lease();
const first = await suite.runtime.start(suite.request(slot, LIMITS), AbortSignal.timeout(120_000));
{
  using client = startClient(slot);
  await client.up();
  say("bootToHttpMs", (await client.answered()) - bootMs);
}
const origin: Running = {
  machine: first,
  slot,
  run: () => Promise.reject(),
  [Symbol.asyncDispose]: async () => undefined,
};
const home = await place();
const sealed = await timedSeal(origin, home.path);
say("firstSealMb", sealed.bytes / 1e6);
say("firstSealStoodMs", sealed.stoodMs);
say("firstSealBeyondMs", beyond300(sealed.stoodMs, sealed.bytes));
await first.end();
await slot[Symbol.asyncDispose]();
const layer = { kind: sealed.seal.layer.kind, path: `${home.path}/${sealed.seal.layer.name}` } as const;
const build = { buildId: "template", layers: [layer, ...harness.layers] };
const template = sealedAt(home.path, { seal: sealed.seal, build });
for (let round = 0; round < ROUNDS; round += 1) {
  const { running, agentMs, httpMs } = await timedRestore(suite, template);
  say("restoreToAgentMs", agentMs);
  say("restoreToHttpMs", httpMs);
  if (round < 5) {
    const again = await timedSeal(running, (await place()).path);
    say("nextSealStoodMs", again.stoodMs);
    say("nextSealBeyondMs", beyond300(again.stoodMs, again.bytes));
    say("nextSealMb", again.bytes / 1e6);
  }
  await running[Symbol.asyncDispose]();
}
const idle: Running[] = [];
for (let count = 0; count < IDLE; count += 1) idle.push((await timedRestore(suite, template)).running);
await measureIdle(harness.config.nodeDir, idle);
for (const running of idle) await running[Symbol.asyncDispose]();
