// What a user waits for, with the stock client on the same machine. Needs the variables of `sandlot env`.
//   node bench/create.mjs [--sequential 100] [--burst 100] [--echo 200] [--package e2b]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { report, reportTimes, timed } from "./support.mjs";

const { values } = parseArgs({
  options: {
    sequential: { type: "string", default: "100" },
    burst: { type: "string", default: "100" },
    echo: { type: "string", default: "200" },
    package: { type: "string", default: "e2b" },
  },
});
const { Sandbox } = await import(values.package);
const create = () => Sandbox.create("base", { timeoutMs: 120_000 });
const createAndRun = async () => {
  const created = await timed(create);
  const ran = await timed(() => created.value.commands.run("echo hi"));
  return { sandbox: created.value, createMs: created.ms, wholeMs: created.ms + ran.ms };
};

for (let n = 0; n < 5; n += 1) await (await createAndRun()).sandbox.kill();

if (Number(values.sequential) > 0) {
  const done = [];
  const kills = [];
  for (let n = 0; n < Number(values.sequential); n += 1) {
    const one = await createAndRun();
    done.push(one);
    kills.push((await timed(() => one.sandbox.kill())).ms);
  }
  reportTimes({ name: "create, one after another", times: done.map((one) => one.createMs) });
  const times = done.map((one) => one.wholeMs);
  reportTimes({ name: "create + first command, one after another", times, p50: 100, p99: 200 });
  reportTimes({ name: "kill", times: kills });
}

if (Number(values.echo) > 0) {
  const live = await create();
  const times = [];
  for (let n = 0; n < Number(values.echo); n += 1) times.push((await timed(() => live.commands.run("echo hi"))).ms);
  reportTimes({ name: 'commands.run("echo") on a live sandbox', times: times.slice(5), p50: 8 });
  await live.kill();
}

const burst = Number(values.burst);
if (burst > 0) {
  await sleep(Number(process.env.BENCH_REST_MS ?? 30_000)); // the pool fills again once nobody asks
  const results = await Promise.allSettled(Array.from({ length: burst }, () => timed(create)));
  const done = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  for (const result of results) if (result.status === "rejected") console.log(`  failed: ${result.reason?.message}`);
  report({ name: `create, ${burst} at once: failures`, value: burst - done.length, unit: "", atMost: 0 });
  if (done.length > 0) reportTimes({ name: `create, ${burst} at once`, times: done.map((one) => one.ms), p50: 800 });
  const ran = await Promise.allSettled(done.map((one) => timed(() => one.value.commands.run("echo hi"))));
  const times = ran.filter((result) => result.status === "fulfilled").map((result) => result.value.ms);
  report({
    name: `first command on ${burst} at once: failures`,
    value: done.length - times.length,
    unit: "",
    atMost: 0,
  });
  if (times.length > 0) reportTimes({ name: `first command on ${burst} at once`, times });
  await Promise.allSettled(done.map((one) => one.value.kill()));
}
