/** Directory calls relative to an open directory, by raw bytes: no name is resolved twice, no name need be UTF-8. */
import { constants } from "node:fs";
import { syscall } from "./syscall";

/** Names a place in the tree and nothing more: needs no permission on the entry, never waits on a FIFO or device. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
/** For calls that take a directory fd: resolve against the working directory, that is, take absolute paths. */
export const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;

export type DirectoryEntryKind = "file" | "directory" | "symlink" | "other" | "unknown";
export type DirectoryEntry = { readonly name: Buffer; readonly kind: DirectoryEntryKind };

const KINDS: Readonly<Record<number, DirectoryEntryKind>> = { 0: "unknown", 4: "directory", 8: "file", 10: "symlink" };
const DIRENT_HEADER_BYTES = 19;
const DIRENTS_BUFFER_BYTES = 64 * 1024;

/** NUL-terminated copy of raw name bytes. */
export function cBytes(name: Uint8Array): Buffer {
  const terminated = Buffer.alloc(name.length + 1);
  terminated.set(name);
  return terminated;
}

/**
 * Opens `name` relative to `dirFd`; close-on-exec always. The caller owns the descriptor.
 * @throws SyscallError
 */
export function openAt(of: { dirFd: number; name: Uint8Array; flags: number; mode?: number }): number {
  return syscall("openat", of.dirFd, cBytes(of.name), of.flags | O_CLOEXEC, of.mode ?? 0);
}

/** Opens a directory for reading and never follows a symlink in its place. */
export function openDirectoryAt(of: { dirFd: number; name: Uint8Array }): number {
  return openAt({ ...of, flags: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW });
}

/** @throws SyscallError; ENOTEMPTY for a directory that has entries, EISDIR for a directory when `isDirectory` is false */
export function removeAt(of: { dirFd: number; name: Uint8Array; isDirectory: boolean }): void {
  syscall("unlinkat", of.dirFd, cBytes(of.name), of.isDirectory ? AT_REMOVEDIR : 0);
}

/** All entries of an open directory but `.` and `..`, in the file system's order; a second call gives what is left. */
export function readDirectory(dirFd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const buffer = Buffer.allocUnsafe(DIRENTS_BUFFER_BYTES);
  for (;;) {
    const got = syscall("getdents64", dirFd, buffer, buffer.length);
    if (got === 0) return entries;
    parseDirents(buffer.subarray(0, got), entries);
  }
}

/** Layout of linux_dirent64: inode u64, offset i64, length u16, type u8, name. */
function parseDirents(bytes: Buffer, into: DirectoryEntry[]): void {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16LE(at + 16);
    const nameAt = at + DIRENT_HEADER_BYTES;
    const name = Buffer.from(bytes.subarray(nameAt, bytes.indexOf(0, nameAt)));
    const isDot = name.length <= 2 && name.every((byte) => byte === 0x2e);
    if (!isDot) into.push({ name, kind: KINDS[bytes[at + 18] ?? 0] ?? "other" });
    at += length;
  }
}
