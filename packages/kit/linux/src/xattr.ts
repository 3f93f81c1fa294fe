/** Extended attributes of an open file or of a path (links are never followed). */
import { cBytes } from "./files";
import type { SyscallName } from "./numbers";
import { cString, SyscallError, syscall } from "./syscall";

/** A descriptor (not one of O_PATH), or the raw bytes of a path whose last component is not followed. */
export type XattrTarget = number | Uint8Array;

/** Kernel limit of the list of names of one inode. */
const MAX_LIST_BYTES = 64 * 1024;
const MAX_VALUE_BYTES = 64 * 1024;
const FIRST_TRY_BYTES = 1024;

/** Names of all attributes the caller may see; empty where the file system has none. */
export function listXattrs(target: XattrTarget): string[] {
  const bytes = readGrowing(MAX_LIST_BYTES, (buffer) => call("listxattr", target, buffer, buffer.length));
  if (bytes === undefined || bytes.length === 0) return [];
  return bytes.toString("utf8").split("\0").slice(0, -1);
}

/** The value, or undefined when there is none (any more). */
export function getXattr(target: XattrTarget, name: string): Buffer | undefined {
  return readGrowing(MAX_VALUE_BYTES, (buffer) => call("getxattr", target, cString(name), buffer, buffer.length));
}

/** @throws SyscallError; ENOTSUP where the file system has no attributes, ENOSPC when the inode has no room for them */
export function setXattr(target: XattrTarget, name: string, value: Uint8Array): void {
  call("setxattr", target, cString(name), value, value.length, 0);
}

/** Removing what is not there is success. */
export function removeXattr(target: XattrTarget, name: string): void {
  try {
    call("removexattr", target, cString(name));
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown;
  }
}

function call(
  verb: "listxattr" | "getxattr" | "setxattr" | "removexattr",
  target: XattrTarget,
  ...rest: Words
): number {
  const onFd = typeof target === "number";
  const name = `${onFd ? "f" : "l"}${verb}` as SyscallName;
  return syscall(name, onFd ? target : cBytes(target), ...rest);
}

type Words = (number | Uint8Array)[];

function readGrowing(maxBytes: number, read: (buffer: Buffer) => number): Buffer | undefined {
  for (let size = FIRST_TRY_BYTES; ; size = maxBytes) {
    const buffer = Buffer.alloc(size);
    try {
      return buffer.subarray(0, read(buffer));
    } catch (thrown) {
      if (isAbsent(thrown)) return undefined;
      if (!(thrown instanceof SyscallError && thrown.code === "ERANGE" && size < maxBytes)) throw thrown;
    }
  }
}

function isAbsent(thrown: unknown): boolean {
  return thrown instanceof SyscallError && ["ENODATA", "ENOTSUP", "EOPNOTSUPP"].includes(thrown.code);
}
