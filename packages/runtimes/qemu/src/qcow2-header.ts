/** The head of a qcow2 file, as far as it must be known before QEMU opens it. Whoever wrote the file may be hostile. */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { qemuFaults } from "./faults";

/** Of version 3, without extensions. */
const HEADER_BYTES = 104;
const MAGIC = 0x514649fb;
/** Nothing that a guest could make use of has more. */
const SIZE_MAX_BYTES = 2 ** 46;

export type Qcow2Header = {
  /** What the guest sees of it. */
  readonly virtualBytes: number;
  /** False: it says all there is of the disk, whatever lies below. */
  readonly hasBacking: boolean;
};

/**
 * Pure. Refuses what could make QEMU or qemu-img read another file than it was given (an external data file), and what
 * QEMU marked as not to be trusted. The name of a backing file is of no account: it is always given.
 * @throws Fault `qemu_bad_disk`
 */
export function parseQcow2Header(name: string, bytes: Buffer): Qcow2Header {
  const refuse = (reason: string) => qemuFaults.bad_disk({ name, reason });
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) throw refuse("it is no qcow2 image");
  if (bytes.readUInt32BE(4) !== 3) throw refuse("it is not of version 3");
  if (bytes.readUInt32BE(32) !== 0) throw refuse("it is encrypted");
  if (bytes.readUInt32BE(60) !== 0) throw refuse("it holds snapshots");
  const features = bytes.readBigUInt64BE(72);
  if (features !== 0n) throw refuse(`it has the features ${features.toString(16)}`);
  const virtualBytes = Number(bytes.readBigUInt64BE(24));
  if (virtualBytes === 0 || virtualBytes > SIZE_MAX_BYTES || virtualBytes % 512 !== 0)
    throw refuse(`it is of ${virtualBytes} bytes`);
  return { virtualBytes, hasBacking: bytes.readBigUInt64BE(8) !== 0n };
}

/** @throws Fault `qemu_bad_disk` when it cannot be read, too */
export async function readQcow2Header(path: string): Promise<Qcow2Header> {
  const name = basename(path);
  const file = await open(path, "r").catch((thrown) => {
    throw qemuFaults.bad_disk({ name, reason: String(thrown) }, thrown);
  });
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES, 0);
    return parseQcow2Header(name, bytes.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
