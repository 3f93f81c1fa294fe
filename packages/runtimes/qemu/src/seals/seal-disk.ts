/** The machine's own disk as a layer: a copy of it, or of all that lies below it too when that has become much. */
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { qemuFaults } from "../faults";
import { DISK_NAME } from "../plan-machine";
import { readQcow2Header } from "../qcow2-header";
import { flattenDisks } from "./flatten-disks";

export const LAYER_NAME = "disk.qcow2";

/** Every disk of a chain costs a look when a block is read that is in none, an open file and some memory. */
const CHAIN_MAX = 8;

/**
 * While the machine stands still and QEMU has written down all it holds.
 * @returns whether the layer holds all that the disks below it do, and so stands in their place
 */
export async function writeDisk(
  of: { dir: string; chain: readonly string[]; uid: number; request: { directory: string } },
  signal: AbortSignal,
): Promise<boolean> {
  const own = join(of.dir, DISK_NAME);
  const to = join(of.request.directory, LAYER_NAME);
  if (of.chain.length < CHAIN_MAX) {
    await copyOwn({ from: own, to }, signal);
    return false;
  }
  // Of a copy: what QEMU still has open could become something else between the look at its header and its use.
  const draft = join(of.request.directory, "own.qcow2");
  try {
    await copyOwn({ from: own, to: draft }, signal);
    await flattenDisks({ disks: [draft, ...of.chain], to, uid: of.uid }, signal);
  } finally {
    await rm(draft, { force: true });
  }
  return true;
}

async function copyOwn({ from, to }: { from: string; to: string }, signal: AbortSignal): Promise<void> {
  await copy(from, to, signal);
  await chmod(to, 0o644);
  await readQcow2Header(to);
}

/** Shares blocks where the file system can, and keeps holes. */
async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  const child = Bun.spawn(["cp", "--reflink=auto", "--sparse=auto", from, to], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    signal,
    killSignal: "SIGKILL",
  });
  const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  signal.throwIfAborted();
  if (exitCode !== 0)
    throw qemuFaults.bad_disk({ name: LAYER_NAME, reason: said.trim() || `cp ended with ${exitCode}` });
}
