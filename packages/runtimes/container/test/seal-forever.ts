/**
 * A node that seals the first machine it finds without end, or brings machines up from a seal, to be killed at any moment:
 * `seal-forever.ts <config JSON> <directory>` or `seal-forever.ts <config JSON> <directory> <build JSON> <memory JSON>`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { silentLogger } from "@sandlot/telemetry";
import { startContainerRuntime } from "../src/index";

const [configText, directory = "", buildText, memoryText] = process.argv.slice(2);
const config = JSON.parse(configText ?? "");
const runtime = await startContainerRuntime(config, { log: silentLogger, clock: systemClock });
const signal = AbortSignal.timeout(20_000);

async function seal(): Promise<void> {
  const [machine] = await runtime.list();
  if (machine === undefined) throw new Error("no machine");
  await machine.freeze();
  process.stdout.write("open\n");
  for (let count = 0; ; count += 1) {
    const to = join(directory, `${process.pid}-${count}`);
    await mkdir(to);
    await machine.seal({ directory: to, memory: true }, signal);
  }
}

async function restore(build: string, memory: string): Promise<void> {
  process.stdout.write("open\n");
  for (let count = 0; ; count += 1) {
    const slot = {
      netnsPath: config.netns,
      address: "",
      guestCidr: "169.254.0.21/30",
      guestGateway: "169.254.0.22",
      hostLink: `guest${count}`,
      mtu: 1400,
    };
    const limits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
    const from = { directory: join(directory, "memory"), memory: JSON.parse(memory), identity: "new" } as const;
    const names = { machineId: `r${process.pid}-${count}`, hostname: "crash" };
    await runtime.start({ ...names, build: JSON.parse(build), restore: from, limits, slot }, signal);
  }
}

if (buildText === undefined || memoryText === undefined) await seal();
else await restore(buildText, memoryText);
