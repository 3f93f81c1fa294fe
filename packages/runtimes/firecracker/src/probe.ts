/** Whether this host can run Firecracker's machines, shown by a guest that really boots. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, rm } from "node:fs/promises";
import { sleep } from "@sandlot/lifetime";
import { isAlive, type ProcessRecord } from "@sandlot/runtime-host";
import { INSIDE, TRIAL_BOOT_ARGS } from "./api/boot-requests";
import { FirecrackerApi } from "./api/client";
import { bootGuest, lastWords, openApi } from "./boot";
import { firecrackerFaults } from "./faults";
import { layOutChroot } from "./jail/chroot";
import { planJailerLine } from "./jail/jailer-line";
import { killVmm, parseConsole, readConsole, startVmm } from "./jail/vmm-process";
import { placesOf } from "./journal";
import { kernelOf } from "./launch";
import { limits } from "./limits";
import type { FirecrackerRooms } from "./runtime";

export type ProbeFindings = {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly kernel?: string;
};

type ProbeOf = { readonly rooms: FirecrackerRooms; readonly signal: AbortSignal };

const TRIAL_LIMITS = { cpuCount: 1, memoryMiB: 128, diskMiB: 16, pidsMax: 64 };

export async function probeFirecrackerHost(of: ProbeOf): Promise<ProbeFindings> {
  const { config } = of.rooms;
  const notes = [`versions of Firecracker: ${config.versions.map(({ version }) => version).join(", ") || "none"}`];
  const problems = await problemsWithoutBooting(of);
  if (problems.length > 0) return { problems, notes };
  try {
    const kernel = await kernelOf(of.rooms, of.signal);
    await bootTrial(of);
    return {
      problems: [],
      notes: [...notes, `a guest with kernel ${kernel.version} has booted`],
      kernel: kernel.version,
    };
  } catch (thrown) {
    return { problems: [`a trial machine failed: ${(thrown as Error).message}`], notes };
  }
}

async function problemsWithoutBooting({ rooms, signal }: ProbeOf): Promise<string[]> {
  const problems: string[] = [];
  if (process.getuid?.() !== 0) problems.push("not root: run it with sudo");
  const kvm = rooms.config.kvmPath ?? "/dev/kvm";
  await access(kvm, constants.R_OK | constants.W_OK).catch(() =>
    problems.push(`${kvm} is missing or closed: Firecracker needs a processor with virtualization and the kvm module`),
  );
  for (const tool of ["ip", "nsenter", "mkfs.ext4"])
    if (Bun.which(tool, { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) === null) problems.push(`${tool} is missing`);
  // Every one that is configured: a wrong checksum is told now, and not when a sandbox is resumed.
  for (const version of rooms.binaries.names.length === 0 ? [undefined] : rooms.binaries.names)
    await rooms.binaries.install(version, signal).catch((thrown: Error) => problems.push(thrown.message));
  return problems;
}

/** A guest without disks and network, until its first program says that it runs. */
async function bootTrial({ rooms, signal }: ProbeOf): Promise<void> {
  const { cgroups, ids, machinesDir, parts } = rooms;
  const machineId = `probe-${randomUUID()}`;
  const places = placesOf(machinesDir, machineId);
  await mkdir(places.dir, { mode: 0o700 });
  let userId: number | undefined;
  let vmm: ProcessRecord | undefined;
  try {
    userId = await ids.take(machineId);
    const [version, kernel] = [await rooms.binaries.install(undefined, signal), await kernelOf(rooms, signal)];
    const shared = { [INSIDE.kernel]: kernel.vmlinuxPath, [INSIDE.initramfs]: kernel.initramfsPath };
    await layOutChroot({ places, userId, shared, diskBase: undefined });
    const line = planJailerLine({ version, places, cgroups, userId, netnsPath: undefined, limits: TRIAL_LIMITS });
    const { process } = await startVmm({ line, dir: places.dir, consolePath: places.console });
    vmm = process;
    const hasEnded = async (): Promise<boolean> => !(await isAlive(process));
    const api = new FirecrackerApi({ jailId: places.jailId, root: places.root, clock: parts.clock, hasEnded });
    await openApi(api, version.version, signal);
    const { memoryMiB } = TRIAL_LIMITS;
    const plan = { processors: 1, memoryMiB, bootArgs: TRIAL_BOOT_ARGS, hostLink: undefined, disks: false };
    await bootGuest(api, { ...plan, rates: {}, metadata: {} }, signal);
    await untilTrialSpeaks({ rooms, signal, consolePath: places.console, hasEnded });
  } finally {
    if (vmm !== undefined) await killVmm({ process: vmm, machineId, clock: parts.clock });
    await cgroups.remove(places.jailId);
    await rm(places.dir, { recursive: true, force: true });
    if (userId !== undefined) await ids.giveBack(userId);
  }
}

async function untilTrialSpeaks(
  of: ProbeOf & { consolePath: string; hasEnded: () => Promise<boolean> },
): Promise<void> {
  const { clock } = of.rooms.parts;
  const startedMs = clock.nowMs();
  for (;;) {
    const ended = await of.hasEnded();
    if (parseConsole(await readConsole(of.consolePath)).isReady) return;
    const reason = await lastWords(of.consolePath);
    if (ended) throw firecrackerFaults.lost({ request: "the boot", reason });
    const waitedMs = clock.nowMs() - startedMs;
    if (waitedMs > limits.trialMs) throw firecrackerFaults.late({ request: `the boot (${reason})`, waitedMs });
    await sleep(20, of.signal);
  }
}
