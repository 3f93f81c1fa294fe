// Many sandboxes alive at once on one machine: all answer, what one costs, and how long the API's list of them takes.
// Needs the variables of `sandlot env`, root (it reads memory of other processes), and SANDLOT_DATA_DIR.
//   node bench/density.mjs [--count 200]
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { memoryOf, read } from "@sandlot/tests/machines";
import { Sandbox } from "e2b";
import { mapBounded, quantile, report, reportTimes, timed } from "./support.mjs";

const { values } = parseArgs({ options: { count: { type: "string", default: "200" } } });
const count = Number(values.count);
const availableMb = () => Number(/MemAvailable:\s+(\d+)/.exec(read("/proc/meminfo"))[1]) / 1024;

/** Init pid of every machine of this installation, as the node's own journal has it. */
function initPids() {
  const dir = `${process.env.SANDLOT_DATA_DIR}/node/machines`;
  const pids = readdirSync(dir).map((id) => read(`${dir}/${id}/init.pid`).split(" ")[0]);
  return pids.filter((pid) => pid !== "");
}
const beforeMb = availableMb();
const warmBefore = initPids().length;
const made = await timed(() =>
  mapBounded(Array.from({ length: count }), 8, () =>
    Sandbox.create("base", { timeoutMs: 900_000 }).catch((thrown) => console.log(`  failed: ${thrown.message}`)),
  ),
);
const sandboxes = made.value.filter((sandbox) => sandbox !== undefined);
try {
  report({ name: `${count} alive at once: started`, value: sandboxes.length, unit: "", atLeast: count });
  report({ name: `${count} alive at once: time to start them all`, value: made.ms / 1000, unit: "s" });
  const answers = await mapBounded(sandboxes, 4, async (sandbox, n) => {
    const run = await timed(() => sandbox.commands.run(`echo ${n}`)).catch(() => undefined);
    return run?.value.stdout === `${n}\n` ? run.ms : undefined;
  });
  const good = answers.filter((ms) => ms !== undefined);
  report({ name: `${count} alive at once: still answering`, value: good.length, unit: "", atLeast: count });
  reportTimes({ name: `first command on each of ${count}, 4 at a time`, times: good });

  const listTimes = [];
  for (let n = 0; n < 30; n += 1) {
    const { value, ms } = await timed(() =>
      fetch(`${process.env.E2B_API_URL}/v2/sandboxes?limit=100`, {
        headers: { "X-API-Key": process.env.E2B_API_KEY },
      }).then((answer) => answer.json()),
    );
    if (value.length !== Math.min(100, sandboxes.length)) throw new Error(`the list has ${value.length}`);
    listTimes.push(ms);
  }
  reportTimes({ name: `API: a page of 100 of ${count}`, times: listTimes, p50: 20 });
  const whole = [];
  for (let n = 0; n < 30; n += 1) {
    const { value, ms } = await timed(() =>
      fetch(`${process.env.E2B_API_URL}/sandboxes`, { headers: { "X-API-Key": process.env.E2B_API_KEY } }).then(
        (answer) => answer.json(),
      ),
    );
    if (value.length < sandboxes.length) throw new Error(`the list has ${value.length}`);
    whole.push(ms);
  }
  reportTimes({ name: `API: list of all ${count}`, times: whole, p50: 20 });

  await sleep(Number(process.env.BENCH_REST_MS ?? 30_000)); // every envd has given memory back, the pool is full
  const machines = initPids();
  const pss = machines.map((pid) => memoryOf(pid).pss).filter((mb) => mb > 0);
  report({ name: "idle sandbox, PSS of all its processes", value: quantile(pss, 0.5), unit: "MB", atMost: 25 });
  const used = (beforeMb - availableMb()) / Math.max(machines.length - warmBefore, 1);
  report({ name: "idle sandbox, of the host's available memory", value: used, unit: "MB", note: "kernel included" });
} finally {
  await mapBounded(sandboxes, 8, (sandbox) => sandbox.kill().catch(() => undefined));
}
