// Where the time of a create goes: per stage, from the line that api and node each write for a sandbox, beside what the
// client saw. Needs the variables of `sandlot env`, and SANDLOT_DATA_DIR for the logs.
//   node bench/trace.mjs [--sequential 50] [--burst 0]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Sandbox } from "e2b";

const { values } = parseArgs({
  options: { sequential: { type: "string", default: "50" }, burst: { type: "string", default: "0" } },
});
const dataDir = process.env.SANDLOT_DATA_DIR;
if (!dataDir) throw new Error("SANDLOT_DATA_DIR must name the installation's data directory: its logs hold the stages");

const seen = new Map();
async function createOne() {
  const startMs = performance.now();
  const sandbox = await Sandbox.create("base", { timeoutMs: 120_000 });
  const createdMs = performance.now();
  await sandbox.commands.run("true");
  seen.set(sandbox.sandboxId, {
    "client: create": createdMs - startMs,
    "client: first command": performance.now() - createdMs,
  });
  await sandbox.kill();
}
for (let n = 0; n < Number(values.sequential); n += 1) await createOne();
await Promise.all(Array.from({ length: Number(values.burst) }, createOne));
await new Promise((resolve) => setTimeout(resolve, 1_000)); // ends are written when the remains are cleared

/** A sandbox's numbers out of one service's log. */
function gather(service, take) {
  for (const line of readFileSync(join(dataDir, "logs", `${service}.log`), "utf8").split("\n")) {
    if (!line.includes('"sandboxId"')) continue;
    const event = JSON.parse(line);
    const row = seen.get(event.sandboxId);
    if (row !== undefined) take(event, row);
  }
}
gather("api", (event, row) => {
  if (event.msg === "sandbox started") row["api: reservation to record"] = event.tookMs;
});
gather("orchestrator", (event, row) => {
  const phase = event.msg === "sandbox ended" ? "end" : "create";
  for (const [stage, ms] of Object.entries(event.times ?? {})) row[`node: ${phase}: ${stage}`] = ms;
});

const rows = [...seen.values()];
const quantile = (times, q) => times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))];
console.log("stage".padEnd(36), "p50 ms".padStart(8), "p95 ms".padStart(8), "n".padStart(5));
for (const stage of [...new Set(rows.flatMap((row) => Object.keys(row)))]) {
  const times = rows.map((row) => row[stage]).filter((ms) => ms !== undefined);
  console.log(
    stage.padEnd(36),
    quantile(times, 0.5).toFixed(1).padStart(8),
    quantile(times, 0.95).toFixed(1).padStart(8),
    String(times.length).padStart(5),
  );
}
