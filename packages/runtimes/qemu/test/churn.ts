/**
 * A node that does one thing to its machines without end, to be killed at any moment: `churn.ts <Churn as JSON>`. It says
 * `open` when it begins.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import type { MachineSlot, Runtime, SealedBuild, SealedMemory, StartMachine } from "@sandlot/runtime-contract";
import { silentLogger } from "@sandlot/telemetry";
import { type QemuRuntimeConfig, startQemuRuntime } from "../src/index";

export type Churn = {
  readonly config: QemuRuntimeConfig;
  readonly what: "start" | "restore" | "seal" | "end";
  readonly slot: MachineSlot;
  readonly build: SealedBuild;
  /** A seal of that build for `restore` and `end`, an empty place for `seal`. */
  readonly directory: string;
  readonly memory?: SealedMemory;
};

const churn: Churn = JSON.parse(process.argv[2] ?? "");
const runtime = await startQemuRuntime(churn.config, { log: silentLogger, clock: systemClock });
const signal = AbortSignal.timeout(60_000);
const begin = (): boolean => process.stdout.write("open\n");

function request(count: number): StartMachine {
  const { build, directory, memory, slot, what } = churn;
  const machine = { machineId: `${what}${process.pid}-${count}`, hostname: "crash", build, slot };
  const limits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
  if (memory === undefined) return { ...machine, limits };
  return { ...machine, limits, restore: { directory: join(directory, "memory"), memory, identity: "new" } };
}

async function seal(of: Runtime): Promise<void> {
  const [machine] = await of.list();
  if (machine === undefined) throw new Error("no machine");
  await machine.freeze();
  begin();
  for (let count = 0; ; count += 1) {
    const to = join(churn.directory, `${process.pid}-${count}`);
    await mkdir(to);
    await machine.seal({ directory: to, memory: true }, signal);
  }
}

if (churn.what === "seal") await seal(runtime);
if (churn.what === "end") {
  const machine = await runtime.start(request(0), signal);
  begin();
  await machine.end();
  await Bun.sleep(60_000); // what comes after an end is no end
}
begin();
for (let count = 0; ; count += 1) {
  const machine = await runtime.start(request(count), signal);
  await machine.end();
}
