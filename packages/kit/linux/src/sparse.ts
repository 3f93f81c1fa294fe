/** Where a sparse file holds something, as the file system knows it. */
import { isErrno, syscall } from "./syscall";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** From the first byte up to, and without, the last. */
export type DataRun = { readonly fromByte: number; readonly toByte: number };

/** In order. What lies outside reads as zeros; inside may be zeros, too. Moves the descriptor's place.
 * @throws SyscallError */
export function dataRuns(file: number, sizeBytes: number): DataRun[] {
  const runs: DataRun[] = [];
  for (let at = 0; at < sizeBytes; ) {
    const fromByte = seek(file, at, SEEK_DATA);
    if (fromByte === undefined || fromByte >= sizeBytes) break;
    const toByte = Math.min(seek(file, fromByte, SEEK_HOLE) ?? sizeBytes, sizeBytes);
    runs.push({ fromByte, toByte });
    at = toByte;
  }
  return runs;
}

function seek(file: number, at: number, whence: number): number | undefined {
  try {
    return syscall("lseek", file, at, whence);
  } catch (thrown) {
    if (isErrno(thrown, "ENXIO")) return undefined; // nothing but a hole from there on
    throw thrown;
  }
}
