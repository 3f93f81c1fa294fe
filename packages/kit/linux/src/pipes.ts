/** Pipes for children. Bun would hand them socket pairs, which cannot be opened again by /dev/stdout. */
import { constants } from "node:fs";
import { syscall, trySyscall } from "./syscall";

const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const EAGAIN = -11;

export type Pipe = { readonly readFd: number; readonly writeFd: number };

/** Both ends close on exec and block; the caller closes both. */
export function makePipe(): Pipe {
  const ends = new Int32Array(2);
  syscall("pipe2", ends, O_CLOEXEC);
  return { readFd: ends[0] ?? -1, writeFd: ends[1] ?? -1 };
}

/** For an end that is ours alone: the flag belongs to the open file, so a child's end must not be touched. */
export function setNonBlocking(fd: number, accessMode: "read" | "write" | "both"): void {
  const mode = { read: constants.O_RDONLY, write: constants.O_WRONLY, both: constants.O_RDWR }[accessMode];
  syscall("fcntl", fd, F_SETFL, mode | constants.O_NONBLOCK);
}

/**
 * Writes what fits now into a non-blocking descriptor: the count of bytes taken, 0 when it is full.
 * @throws SyscallError `EPIPE` when nobody reads any more
 */
export function writeSome(fd: number, bytes: Uint8Array): number {
  if (bytes.byteLength === 0) return 0;
  const written = trySyscall("write", fd, bytes, bytes.byteLength);
  return written === EAGAIN ? 0 : written < 0 ? syscall("write", fd, bytes, bytes.byteLength) : written;
}
