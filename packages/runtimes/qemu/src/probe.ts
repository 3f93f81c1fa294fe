/** Whether this host can run virtual machines, shown by booting one. */
import { existsSync } from "node:fs";
import type { RuntimeProbe } from "@sandlot/runtime-contract";
import type { Accelerator } from "./accelerator";
import { QEMU_PATH, type QemuRuntimeConfig } from "./config";
import type { QemuHost } from "./host";
import type { Acceleration } from "./journal";

function problemsWithoutStarting(config: QemuRuntimeConfig): string[] {
  const problems: string[] = [];
  if (process.arch !== "x64") problems.push(`processor ${process.arch}: only x64 is built`);
  if (process.getuid?.() !== 0) problems.push("not root: run it with sudo");
  if (!existsSync(QEMU_PATH)) problems.push(`${QEMU_PATH} is missing: install qemu-system-x86`);
  if (!existsSync("/usr/bin/qemu-img")) problems.push("/usr/bin/qemu-img is missing: install qemu-utils");
  if (!existsSync("/dev/net/tun")) problems.push("/dev/net/tun is missing: load the tun module");
  for (const path of [config.launcherPath, config.memoryLibraryPath, config.guestInitPath])
    if (!existsSync(path)) problems.push(`${path} is missing: build it first`);
  return problems;
}

export async function probeQemuHost(of: {
  config: QemuRuntimeConfig;
  host: () => Promise<QemuHost>;
  accelerator: () => Promise<Accelerator>;
  trial: (acceleration: Acceleration) => Promise<void>;
}): Promise<RuntimeProbe> {
  const problems = problemsWithoutStarting(of.config);
  if (problems.length > 0) return { usable: false, problems, notes: [] };
  const notes: string[] = [];
  try {
    const { kernel, tree, tscKHz } = await of.host();
    notes.push(`QEMU ${tree.version}, guest kernel ${kernel.version}, time stamp counter ${tscKHz} kHz`);
    const { acceleration, problem } = await of.accelerator();
    notes.push(problem === undefined ? `accelerator ${acceleration}` : `accelerator ${acceleration}: ${problem}`);
    await of.trial(acceleration);
  } catch (thrown) {
    problems.push(`a trial machine failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  return { usable: problems.length === 0, problems, notes };
}
