/** A machine's two disks as QEMU's block nodes: `layers`, all read-only images in one, and `disk`, the writable chain. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DiskPiece, planLayersDisk, vmdkDescriptor } from "@sandlot/runtime-microvm";
import type { OpenFiles } from "./descriptors";

/**
 * Writes the small files of the layers disk into the machine's directory.
 * @param images newest first, the guest layer and the modules not left out
 */
export async function layersNodes(of: {
  dir: string;
  images: readonly string[];
  files: OpenFiles;
}): Promise<readonly object[]> {
  const { dir, files } = of;
  const sized = await Promise.all(of.images.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
  const disk = planLayersDisk(sized);
  const names = new Map<DiskPiece, string>();
  for (const piece of disk.pieces) {
    const path = piece.kind === "file" ? piece.path : join(dir, `layers.${piece.name}`);
    if (piece.kind === "bytes") await writeFile(path, piece.bytes);
    names.set(piece, files.add({ path, mode: "ro" }));
  }
  const descriptor = join(dir, "layers.vmdk");
  await writeFile(
    descriptor,
    vmdkDescriptor(disk, (piece) => names.get(piece) ?? ""),
  );
  const filename = files.add({ path: descriptor, mode: "ro" });
  return [{ driver: "vmdk", "node-name": "layers", "read-only": true, file: { driver: "file", filename } }];
}

/** @param chain the machine's own image first, then what lies below it; the names in their headers do not count */
export function diskNodes(chain: readonly string[], files: OpenFiles): readonly object[] {
  const nodes = chain.map((path, at) => {
    const name = at === 0 ? "disk" : `disk-${at}`;
    const filename = files.add({ path, mode: at === 0 ? "rw" : "ro" });
    return {
      driver: "qcow2",
      "node-name": name,
      "read-only": at !== 0,
      file: {
        driver: "file",
        "node-name": `${name}-file`,
        filename,
        "read-only": at !== 0,
        ...(at === 0 ? { discard: "unmap" } : {}),
      },
      backing: at === chain.length - 1 ? null : `disk-${at + 1}`,
      // What a host that dies leaves of a machine is thrown away; a seal is synced by itself.
      ...(at === 0 ? { discard: "unmap", cache: { "no-flush": true, direct: false } } : {}),
    };
  });
  return nodes.reverse(); // a node must be there before it is named
}
