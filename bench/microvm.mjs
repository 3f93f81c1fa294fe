// Virtual machines without the rest of the node: restores, seals, what 40 idle ones cost. Root only; brings its own machines.
//   SANDLOT_TEST_KERNEL=… SANDLOT_TEST_BASE_EROFS=… SANDLOT_TEST_GUEST_LAYER=… node bench/microvm.mjs
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { quantile, report, reportTimes } from "./support.mjs";

const checkout = join(fileURLToPath(import.meta.url), "../..");
const newestIn = (dir, suffix) => {
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith(suffix)) : [];
  return names.length === 0 ? "" : join(dir, names.at(-1));
};
const env = {
  SANDLOT_TEST_KERNEL: newestIn("/var/cache/sandlot/kernels", ""),
  SANDLOT_TEST_BASE_EROFS: newestIn("/var/cache/sandlot/layers", ".erofs"),
  SANDLOT_TEST_GUEST_LAYER: join(checkout, "dist/guest-layer"),
  ...process.env,
};
const missing = Object.entries(env).filter(([name, value]) => name.startsWith("SANDLOT_TEST_") && !existsSync(value));
if (missing.length > 0) {
  console.error(`nothing to measure with: ${missing.map(([name]) => name).join(", ")} (has 'sandlot up' run here?)`);
  process.exit(1);
}

const found = new Map();
const bun = join(checkout, "node_modules/.bin/bun");
const child = spawn(bun, [join(checkout, "packages/runtimes/qemu/test/measure.ts")], {
  env,
  stdio: ["ignore", "pipe", "inherit"],
});
const ended = new Promise((resolve) => child.on("exit", resolve));
for await (const line of createInterface({ input: child.stdout })) {
  const { name, value } = JSON.parse(line);
  found.set(name, [...(found.get(name) ?? []), value]);
}
if ((await ended) !== 0) process.exit(1);

const idle = process.env.IDLE ?? 40;
const median = (name) => quantile(found.get(name), 0.5);
report({ name: "microVM: boot to envd's first answer", value: median("bootToHttpMs"), unit: "ms" });
reportTimes({ name: "microVM: restore to the agent's answer", times: found.get("restoreToAgentMs"), p50: 150 });
reportTimes({ name: "microVM: restore to envd's answer by HTTP", times: found.get("restoreToHttpMs"), p50: 350 });
report({ name: "microVM: memory of a first seal", value: median("firstSealMb"), unit: "MB" });
report({ name: "microVM: first seal, stands still", value: median("firstSealStoodMs"), unit: "ms" });
report({ name: "… beyond writing at 300 MB/s", value: median("firstSealBeyondMs"), unit: "ms", atMost: 30 });
report({ name: "microVM: next seal, stands still, p50", value: median("nextSealStoodMs"), unit: "ms" });
report({ name: "… beyond writing at 300 MB/s", value: median("nextSealBeyondMs"), unit: "ms", atMost: 30 });
report({ name: "microVM: next seal after one request, p50", value: median("nextSealMb"), unit: "MB", atMost: 5 });
report({ name: `microVM: ${idle} idle of 256 MB, PSS each`, value: median("idlePssMb"), unit: "MB", atMost: 60 });
report({ name: `microVM: ${idle} idle, processor time each`, value: median("idleCpuPercent"), unit: "%", atMost: 1.5 });
