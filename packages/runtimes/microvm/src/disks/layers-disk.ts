/** All read-only layers of a guest in one disk: a partition table of ours around the images as they are. Nothing is copied. */
import { microvmFaults } from "../faults";
import { gptHead, gptTail, HEAD_BYTES, SECTOR, TAIL_BYTES } from "./gpt";

/** One image on the disk, by the name its reader opens it under. */
export type LayerExtent = { readonly path: string; readonly sizeBytes: number };

export type DiskPiece =
  | { readonly kind: "bytes"; readonly name: "head" | "tail"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number };

export type LayersDisk = {
  readonly sizeBytes: number;
  /** In the order of the disk: head, the layers, tail. */
  readonly pieces: readonly DiskPiece[];
  /** Partition N is layer N-1 of what was given. */
  readonly partitions: readonly { readonly offsetBytes: number; readonly sizeBytes: number }[];
};

/** The table has this many rows; a guest's command line names the partitions in use. */
const LAYERS_MAX = 128;

/**
 * Pure. Partition 1 is the first layer given: newest first.
 * @throws Fault `microvm_bad_layer` for a size that is no multiple of 4096, or too many
 */
export function planLayersDisk(layers: readonly LayerExtent[]): LayersDisk {
  if (layers.length > LAYERS_MAX)
    throw microvmFaults.bad_layer({ path: layers[LAYERS_MAX]?.path ?? "", reason: `more than ${LAYERS_MAX} layers` });
  const partitions: { offsetBytes: number; sizeBytes: number }[] = [];
  let offsetBytes = HEAD_BYTES;
  for (const { path, sizeBytes } of layers) {
    if (sizeBytes <= 0 || sizeBytes % 4096 !== 0)
      throw microvmFaults.bad_layer({ path, reason: `its ${sizeBytes} bytes are no multiple of 4096` });
    partitions.push({ offsetBytes, sizeBytes });
    offsetBytes += sizeBytes;
  }
  const sizeBytes = offsetBytes + TAIL_BYTES;
  return {
    sizeBytes,
    partitions,
    pieces: [
      { kind: "bytes", name: "head", bytes: gptHead(partitions, sizeBytes) },
      ...layers.map((layer): DiskPiece => ({ kind: "file", ...layer })),
      { kind: "bytes", name: "tail", bytes: gptTail(partitions, sizeBytes) },
    ],
  };
}

/**
 * The disk as QEMU's vmdk driver reads it: a text that names where each piece lies. Pure.
 * @param nameOf under which name QEMU opens a piece: a path it sees, or `/dev/fdset/N`; without quotes or line ends
 */
export function vmdkDescriptor(disk: LayersDisk, nameOf: (piece: DiskPiece, at: number) => string): string {
  const extents = disk.pieces.map((piece, at) => {
    const bytes = piece.kind === "bytes" ? piece.bytes.length : piece.sizeBytes;
    return `RW ${bytes / SECTOR} FLAT "${nameOf(piece, at)}" 0`;
  });
  return [
    "# Disk DescriptorFile",
    "version=1",
    "CID=fffffffe",
    "parentCID=ffffffff",
    'createType="twoGbMaxExtentFlat"',
    ...extents,
    'ddb.adapterType = "ide"',
    "",
  ].join("\n");
}
