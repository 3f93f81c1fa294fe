/** Writes down what a stopped machine is apart from its disk: devices, and memory as a file or as what differs from one. */
import { copyFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineFaults, type SealedFile } from "@sandlot/runtime-contract";
import { type ProcessRecord, syncAndDigest, syncDirectory } from "@sandlot/runtime-host";
import {
  beginBase,
  copySparsely,
  linkOrNot,
  PAGE_BYTES,
  ProcessMemory,
  storedBytesOf,
  writeDiff,
} from "@sandlot/runtime-microvm";
import { type MappedMemory, readMapped } from "./mapped-memory";
import { DEVICE_STATE_MAX_BYTES, formatSealedVm, SEAL_FILES, type VmHost, type VmShape } from "./seal-format";

/** QEMU's monitor, and QEMU's own version. */
export type Monitor = {
  readonly version: string;
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
};

export type SealingHost = Omit<VmHost, "qemuVersion">;

export type SealMemory = {
  /** The machine's own directory. */
  readonly dir: string;
  /** `memory/` of the seal, empty. */
  readonly to: string;
  readonly vmm: ProcessRecord;
  readonly monitor: Monitor;
  readonly host: SealingHost;
  readonly shape: VmShape;
  readonly digestLayers: () => Promise<string>;
};

/** Where QEMU writes its devices to, as the host and as QEMU find it: a file in a small memory that only its jail has. */
export type StateFile = { readonly path: string; readonly inJail: string };

/** Beyond this part of the file that it differs from, a diff costs more than it saves. */
const DIFF_PART_MAX = 0.5;

/** While the machine stands still. @returns what is to be done once it may go on */
export async function writeMemory(
  of: SealMemory,
  state: StateFile,
  signal: AbortSignal,
): Promise<(later: AbortSignal) => Promise<SealedFile[]>> {
  const { to, dir } = of;
  await saveDevices(of, state);
  const mapped = await readMapped(dir);
  const sizeBytes = of.shape.memoryMiB << 20;
  using memory = new ProcessMemory({ ...of.vmm, address: await addressOf(of.monitor), sizeBytes });
  const runs = memory.ownPages();
  const ownBytes = runs.reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES;
  const path = join(to, SEAL_FILES.memory);
  if (mapped !== undefined && ownBytes < storedBytesOf(mapped.path) * DIFF_PART_MAX) {
    await linkOrCopy(mapped.path, path);
    const diff = { path: join(to, SEAL_FILES.diff), source: memory, runs, totalBytes: sizeBytes };
    await writeDiff(diff, signal);
    return () => finish(of, mapped);
  }
  const below = mapped === undefined ? {} : { below: mapped.path };
  const begun = await beginBase({ path, source: memory, runs, totalBytes: sizeBytes, ...below }, signal);
  return async (later) => {
    await begun.finish(later);
    return finish(of, undefined);
  };
}

async function saveDevices({ monitor, to }: SealMemory, state: StateFile): Promise<void> {
  await truncate(state.path, 0);
  // Not `live`: that would let go of the disks, which another machine is to take over then.
  await monitor.execute("xen-save-devices-state", { filename: state.inJail, live: false });
  const { size } = await stat(state.path);
  if (size === 0 || size > DEVICE_STATE_MAX_BYTES)
    throw machineFaults.seal_failed({ reason: `QEMU's devices are ${size} bytes` });
  await copyFile(state.path, join(to, SEAL_FILES.deviceState));
}

/** Where in QEMU's process the guest's memory begins. A QEMU that lies shows us memory of its own. */
export async function addressOf(monitor: Monitor): Promise<number> {
  const said = await monitor.execute("human-monitor-command", { "command-line": "gpa2hva 0" });
  const found = /0x([0-9a-f]{1,12})\s*$/.exec(String(said).trim())?.[1];
  if (found === undefined)
    throw machineFaults.seal_failed({ reason: `QEMU does not say where its memory is: ${said}` });
  return Number.parseInt(found, 16);
}

/** All on the disk, with checksums; that of a linked file is known. */
async function finish(of: SealMemory, linked: MappedMemory | undefined): Promise<SealedFile[]> {
  const { to, host, shape, monitor } = of;
  const layersSha256 = await of.digestLayers();
  const about = formatSealedVm({ ...host, qemuVersion: monitor.version }, { shape, layersSha256 });
  await writeFile(join(to, SEAL_FILES.machine), about, { mode: 0o644 });
  const names = [
    SEAL_FILES.deviceState,
    SEAL_FILES.machine,
    linked === undefined ? SEAL_FILES.memory : SEAL_FILES.diff,
  ];
  const files = await Promise.all(names.map(async (name) => ({ name, ...(await syncAndDigest(join(to, name))) })));
  await syncDirectory(to);
  if (linked === undefined) return files;
  return [...files, { name: SEAL_FILES.memory, sizeBytes: linked.sizeBytes, sha256: linked.sha256 }];
}

/** From one file system to another only a copy can be had, as sparse as it was. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  if (!(await linkOrNot(from, to))) await copySparsely(from, to);
}
