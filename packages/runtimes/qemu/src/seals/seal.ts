/** Writes a frozen machine down: its own disk as a layer, its memory and devices. All in the directory its caller made. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { machineFaults, type Seal, type SealedFile, type SealRequest } from "@sandlot/runtime-contract";
import { type CheckedFiles, type ProcessRecord, syncAndDigest, syncDirectory } from "@sandlot/runtime-host";
import { LAYER_NAME, writeDisk } from "./seal-disk";
import { SEAL_FORMAT, type VmShape } from "./seal-format";
import { type Monitor, type SealingHost, type StateFile, writeMemory } from "./seal-memory";

export type SealMachine = {
  /** The machine's own directory. */
  readonly dir: string;
  readonly vmm: ProcessRecord;
  /** One session with QEMU's monitor for all that is asked while the machine must stand still; nobody else has one meanwhile. */
  readonly withMonitor: <T>(work: (monitor: Monitor) => Promise<T>) => Promise<T>;
  /** Of QEMU, and of what works on files it has written. */
  readonly uid: number;
  /** The disks below the machine's own, newest first, as QEMU has them. */
  readonly chain: readonly string[];
  readonly deviceState: StateFile;
  readonly host: SealingHost;
  readonly shape: VmShape;
  /** Of the layers disk, as the seal tells it. */
  readonly digestLayers: () => Promise<string>;
  readonly checked: CheckedFiles;
  readonly request: SealRequest;
};

/**
 * The machine stands still before and after, whatever comes of it. All it has of its files is on its disk since it was
 * frozen: a seal of the disk alone is whole, and a build with memory may be booted without it.
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
  const [replacesDisks, finishMemory] = await bothOrNeither(
    writeDisk(of, signal),
    request.memory
      ? of.withMonitor((monitor) => writeMemory({ ...of, monitor, to: memoryDir }, of.deviceState, signal))
      : undefined,
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
