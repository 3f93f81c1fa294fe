// All benchmarks, one table (Markdown). Needs an installation that does nothing else and the variables of `sandlot env`.
//   node bench/run.mjs [--only create,transfer,density,lifecycle,proxy,egress]
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { only: { type: "string", default: "create,transfer,density,lifecycle,proxy,egress" } },
});
const here = dirname(fileURLToPath(import.meta.url));
const dir = mkdtempSync(join(os.tmpdir(), "sandlot-bench-"));
const BENCH_ROWS = join(dir, "rows");
const loadBefore = os.loadavg()[0].toFixed(1);
let isBroken = false;
for (const name of values.only.split(",")) {
  const program = join(here, `${name}.mjs`);
  const { status } = spawnSync(process.execPath, [program], { stdio: "inherit", env: { ...process.env, BENCH_ROWS } });
  if (status !== 0) isBroken = true;
}
const rows = existsSync(BENCH_ROWS) ? readFileSync(BENCH_ROWS, "utf8").trim().split("\n").map(JSON.parse) : [];
rmSync(dir, { recursive: true });
const memoryGb = Math.round(os.totalmem() / 2 ** 30);
console.log(
  `\n${os.cpus().length} cores, ${memoryGb} GB, Linux ${os.release()}, Node ${process.version}, load ${loadBefore} before\n`,
);
console.log("| measured | value | promise | |\n| --- | --- | --- | --- |");
for (const { name, value, unit, promise, verdict } of rows)
  console.log(`| ${name} | ${value} ${unit} | ${promise} | ${verdict} |`);
process.exitCode = isBroken || rows.some(({ verdict }) => verdict === "MISSED") ? 1 : 0;
