/** Brings a machine up from sealed memory: checks it before anything is started, puts it into a QEMU that waits for it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { machineFaults, type RestoreFrom, type StartMachine } from "@sandlot/runtime-contract";
import type { CheckedFiles, ProcessRecord } from "@sandlot/runtime-host";
import { applyDiff, type GuestAgent, ProcessMemory } from "@sandlot/runtime-microvm";
import { mappedPath, noteMapped } from "./mapped-memory";
import {
  DEVICE_STATE_MAX_BYTES,
  misfits,
  parseSealedVm,
  requireFiles,
  SEAL_FILES,
  SEAL_FORMAT,
  type SealedVm,
  type VmHost,
} from "./seal-format";
import { addressOf, linkOrCopy, type Monitor } from "./seal-memory";

export type PlannedRestore = {
  /** What QEMU maps privately, a name of it in the machine's directory. */
  readonly memoryPath: string;
  /** Read by QEMU from an open file. */
  readonly deviceStatePath: string;
  readonly diffPath: string | undefined;
  readonly identity: RestoreFrom["identity"];
  readonly sealed: SealedVm;
};

/**
 * Leaves nothing but what lies in the machine's directory.
 * @throws Fault `machine_seal_unreadable` when it is of another runtime, format or host, damaged or incomplete
 */
export async function planRestore(of: {
  request: Pick<StartMachine, "limits"> & { restore: RestoreFrom };
  dir: string;
  checked: CheckedFiles;
  host: VmHost;
}): Promise<PlannedRestore> {
  const { directory, memory, identity } = of.request.restore;
  const { format, files, runtime } = memory;
  if (runtime !== "qemu" || format !== SEAL_FORMAT)
    throw machineFaults.seal_unreadable({
      reason: `it is of ${runtime} ${format}, and this host reads ${SEAL_FORMAT}`,
    });
  requireFiles(files);
  await Promise.all(files.map((file) => of.checked.check(join(directory, file.name), file)));
  const sealed = parseSealedVm(await readFile(join(directory, SEAL_FILES.machine), "utf8"));
  const reasons = misfits(sealed, { host: of.host, shape: of.request.limits });
  const sizeOf = (name: string): number => files.find((file) => file.name === name)?.sizeBytes ?? 0;
  if (sizeOf(SEAL_FILES.memory) !== sealed.memoryMiB * 2 ** 20)
    reasons.push("its memory has another size than it says");
  if (sizeOf(SEAL_FILES.deviceState) > DEVICE_STATE_MAX_BYTES) reasons.push("its devices are too many");
  if (reasons.length > 0) throw machineFaults.seal_unreadable({ reason: reasons.join("; ") });
  const memoryPath = mappedPath(of.dir);
  await linkOrCopy(join(directory, SEAL_FILES.memory), memoryPath);
  await noteMapped(of.dir, files.find(({ name }) => name === SEAL_FILES.memory)?.sha256 ?? "");
  const hasDiff = files.some(({ name }) => name === SEAL_FILES.diff);
  return {
    memoryPath,
    deviceStatePath: join(directory, SEAL_FILES.deviceState),
    diffPath: hasDiff ? join(directory, SEAL_FILES.diff) : undefined,
    identity,
    sealed,
  };
}

/** How long QEMU may take to load devices it was given, in milliseconds; 5 to 20 are normal. */
const LOAD_MS = 20_000;

/**
 * The machine stands still when this resolves, with all as it was sealed. Pages first: devices look at the guest's memory
 * while they are loaded.
 * @param of.stateFd the number under which QEMU holds the open file of devices
 */
export async function loadSealed(
  of: { plan: PlannedRestore; vmm: ProcessRecord; memoryMiB: number; monitor: Monitor; stateFd: number },
  signal: AbortSignal,
): Promise<void> {
  const { plan, monitor } = of;
  const totalBytes = of.memoryMiB * 2 ** 20;
  if (plan.diffPath !== undefined) {
    const range = { ...of.vmm, address: await addressOf(monitor), sizeBytes: totalBytes };
    using memory = new ProcessMemory(range);
    await applyDiff({ path: plan.diffPath, target: memory, totalBytes }, signal);
  }
  // The guest's end of the link is where it was for everybody: its address is the same in every slot.
  await monitor.execute("migrate-set-parameters", { "announce-rounds": 0 });
  await monitor.execute("migrate-incoming", { uri: `fd:${of.stateFd}` });
  const startMs = performance.now();
  for (;;) {
    const { status } = (await monitor.execute("query-status")) as { status: string };
    if (status !== "inmigrate") return;
    signal.throwIfAborted();
    if (performance.now() - startMs > LOAD_MS)
      throw machineFaults.seal_unreadable({ reason: `QEMU did not load its devices in ${LOAD_MS} ms` });
    await sleep(2);
  }
}

/**
 * Nothing of the sandbox runs before it has the time, randomness of its own and, if asked, a new identity.
 */
export async function goOn(of: {
  plan: PlannedRestore;
  request: Pick<StartMachine, "hostname" | "limits">;
  gateway: string;
  monitor: Monitor;
  withAgent: <T>(work: (agent: Pick<GuestAgent, "resume">) => Promise<T>) => Promise<T>;
}): Promise<void> {
  const { hostname, limits } = of.request;
  const identity = of.plan.identity === "new" ? { identity: { hostname, gateway: of.gateway } } : {};
  await of.monitor.execute("cont");
  const entropy = crypto.getRandomValues(new Uint8Array(64));
  await of.withAgent((agent) =>
    agent.resume({ entropy, ...identity, pidsMax: limits.pidsMax, network: true, thaw: true }),
  );
}
