/** A build's layers as a machine is given them: trees of files on one disk, changed disks as a chain below the machine's own. */
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { type LayerRef, machineFaults } from "@sandlot/runtime-contract";
import { isThere } from "@sandlot/runtime-host";
import { runImageTool } from "./image-tool";
import { readQcow2Header } from "./qcow2-header";

export type DiskChain = {
  /** Newest first; each lies on the next, the last one on nothing. Empty: the machine begins with an empty file system. */
  readonly chain: readonly string[];
  /** What the guest must see of its disk at least, in bytes; 0 without a chain. */
  readonly chainBytes: number;
  readonly trees: readonly LayerRef[];
};

/**
 * A disk that lies on nothing hides those below it: a chain that became too long was flattened.
 * @throws Fault `machine_layer_unfit` for a disk of another runtime or one below a tree, `qemu_bad_disk`
 */
export async function planDiskChain(layers: readonly LayerRef[]): Promise<DiskChain> {
  const firstTree = layers.findIndex(({ kind }) => kind === "erofs" || kind === "directory");
  const disks = firstTree < 0 ? layers : layers.slice(0, firstTree);
  const trees = firstTree < 0 ? [] : layers.slice(firstTree);
  const odd =
    disks.find(({ kind }) => kind !== "qcow2") ?? trees.find(({ kind }) => kind !== "erofs" && kind !== "directory");
  if (odd !== undefined) throw machineFaults.layer_unfit({ runtime: "qemu", layer: basename(odd.path) });
  const chain: string[] = [];
  let chainBytes = 0;
  for (const { path } of disks) {
    const { virtualBytes, hasBacking } = await readQcow2Header(path);
    chain.push(path);
    chainBytes = Math.max(chainBytes, virtualBytes);
    if (!hasBacking) break;
  }
  return { chain, chainBytes, trees };
}

/**
 * An image of nothing that lies on something, made once per size: copying it costs a fraction of a millisecond. What it says
 * it lies on is no file's name, and never looked at.
 * @returns its path
 */
export async function ensureEmptyOverlay(of: { cacheDir: string; sizeBytes: number }): Promise<string> {
  const path = join(of.cacheDir, `empty-${of.sizeBytes}.qcow2`);
  if (await isThere(path)) return path;
  await mkdir(of.cacheDir, { recursive: true, mode: 0o755 });
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    const options = ["-u", "-b", "what-lies-below", "-F", "qcow2"];
    await runImageTool(["create", "-q", "-f", "qcow2", ...options, draft, String(of.sizeBytes)]);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}
