// Medians of what a user waits for, with the stock client on the same machine. Needs the variables of `sandlot env`.
//   node bench/create.mjs [--sequential 100] [--burst 100] [--package e2b]
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    sequential: { type: "string", default: "100" },
    burst: { type: "string", default: "100" },
    echo: { type: "string", default: "200" },
    package: { type: "string", default: "e2b" },
  },
});
const { Sandbox } = await import(values.package);

const quantile = (times, q) =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))];
const row = (name, times) =>
  console.log(
    `${name.padEnd(44)} n=${String(times.length).padStart(3)}  p50 ${quantile(times, 0.5).toFixed(1)} ms  p99 ${quantile(times, 0.99).toFixed(1)} ms  max ${Math.max(...times).toFixed(1)} ms`,
  );
async function timed(work) {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}
const createAndRun = async () => {
  const sandbox = await Sandbox.create("base", { timeoutMs: 120_000 });
  await sandbox.commands.run("echo hi");
  return sandbox;
};

for (let n = 0; n < 5; n += 1) await (await createAndRun()).kill();

const sequential = [];
const kills = [];
for (let n = 0; n < Number(values.sequential); n += 1) {
  const { value, ms } = await timed(createAndRun);
  sequential.push(ms);
  kills.push((await timed(() => value.kill())).ms);
}
row("create + first command, one after another", sequential);
row("kill", kills);

const live = await Sandbox.create("base", { timeoutMs: 120_000 });
const echoes = [];
for (let n = 0; n < Number(values.echo); n += 1) echoes.push((await timed(() => live.commands.run("echo hi"))).ms);
row('commands.run("echo") on a live sandbox', echoes);
await live.kill();

const burst = Number(values.burst);
if (burst > 0) {
  const results = await Promise.allSettled(Array.from({ length: burst }, () => timed(createAndRun)));
  const done = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  row(
    `create + first command, ${burst} at once`,
    done.map((one) => one.ms),
  );
  console.log(`${done.length} of ${burst} succeeded`);
  for (const result of results) if (result.status === "rejected") console.log(`  failed: ${result.reason?.message}`);
  await Promise.allSettled(done.map((one) => one.value.kill()));
}
