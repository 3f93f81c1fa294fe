/** Writes a frozen machine down: its own disk as a layer, its memory and devices. All in the directory its caller made. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { machineFaults, type Seal, type SealedFile, type SealRequest } from "@sandlot/runtime-contract";
import { type CheckedFiles, type ProcessRecord, syncAndDigest, syncDirectory } from "@sandlot/runtime-host";
import type { GuestAgent } from "@sandlot/runtime-microvm";
import { LAYER_NAME, writeDisk } from "./seal-disk";
import { SEAL_FORMAT, type VmHost, type VmShape } from "./seal-format";
import { type Monitor, type StateFile, writeMemory } from "./seal-memory";

export type SealMachine = {
  /** The machine's own directory. */
  readonly dir: string;
  readonly vmm: ProcessRecord;
  readonly monitor: Monitor;
  /** Opens a session with the guest's agent; closed again when the seal is written. */
  readonly withAgent: <T>(work: (agent: Pick<GuestAgent, "sync">) => Promise<T>) => Promise<T>;
  /** Of QEMU, and of what works on files it has written. */
  readonly uid: number;
  /** The disks below the machine's own, newest first, as QEMU has them. */
  readonly chain: readonly string[];
  readonly deviceState: StateFile;
  readonly host: VmHost;
  readonly shape: VmShape;
  /** Of the tables of the layers disk. */
  readonly layersSha256: string;
  readonly checked: CheckedFiles;
  readonly request: SealRequest;
};

/**
 * The machine stands still before and after, whatever comes of it. In between its kernel runs for a moment with all
 * processes of the sandbox frozen, to bring to its disk what it holds in memory: a seal of the disk alone must be whole,
 * and a build with memory may be booted without it.
 * @throws Fault `machine_seal_failed`; the signal's reason when it aborts first
 */
export async function sealMachine(of: SealMachine, signal: AbortSignal): Promise<Seal> {
  try {
    return await seal(of, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (isFault(thrown, "machine_seal_failed") || isFault(thrown, "machine_unsealable")) throw thrown;
    throw machineFaults.seal_failed({ reason: thrown instanceof Error ? thrown.message : String(thrown) }, thrown);
  }
}

async function seal(of: SealMachine, signal: AbortSignal): Promise<Seal> {
  const { request, checked } = of;
  const memoryDir = join(request.directory, "memory");
  if (request.memory) await mkdir(memoryDir, { mode: 0o755 });
  signal.throwIfAborted();
  await bringToDisk(of);
  signal.throwIfAborted();
  const [replacesDisks, finishMemory] = await bothOrNeither(
    writeDisk(of, signal),
    request.memory ? writeMemory({ ...of, to: memoryDir }, of.deviceState, signal) : undefined,
  );
  signal.throwIfAborted();
  await request.onWritten?.();
  const [layer, files] = await Promise.all([
    syncAndDigest(join(request.directory, LAYER_NAME)),
    finishMemory?.(signal),
  ]);
  await syncDirectory(request.directory);
  signal.throwIfAborted();
  for (const file of files ?? []) await checked.trust(join(memoryDir, file.name), file);
  return {
    layer: { kind: "qcow2", name: LAYER_NAME, ...layer, ...(replacesDisks ? { replacesDisks } : {}) },
    ...(files === undefined ? {} : { memory: { runtime: "qemu", format: SEAL_FORMAT, files: sorted(files) } }),
  };
}

/** Only the agent runs meanwhile: the sandbox's own cgroup is frozen inside. */
async function bringToDisk({ monitor, withAgent }: SealMachine): Promise<void> {
  await monitor.execute("cont");
  try {
    await withAgent((agent) => agent.sync());
  } finally {
    // It also brings to the files what QEMU itself holds of the disk.
    await monitor.execute("stop");
  }
}

/** Neither is still writing when this settles. */
async function bothOrNeither<A, B>(one: Promise<A>, other: Promise<B> | undefined): Promise<[A, B | undefined]> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === "rejected") throw first.reason;
  if (second.status === "rejected") throw second.reason;
  return [first.value, second.value];
}

function sorted(files: readonly SealedFile[]): SealedFile[] {
  return [...files].sort((one, other) => one.name.localeCompare(other.name));
}
