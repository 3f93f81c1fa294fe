/**
 * Opening files for a user: the kernel judges by the user's own identity, and what was judged is what is used, by
 * descriptor. A FIFO, socket or device is recognised before it is opened, so it can neither hang us nor be set off.
 */
import { type BigIntStats, closeSync, constants, fstatSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { asUser, isErrno, O_CLOEXEC, O_PATH } from "@sandlot/linux";
import type { User } from "../users";
import { fileFaults, withFileFaults } from "./faults";

/** The caller owns `fd`. */
export type OpenFile = { readonly fd: number; readonly stat: BigIntStats };

const SAFE_FLAGS = O_CLOEXEC | constants.O_NONBLOCK | constants.O_NOCTTY;
const FILE_MODE = 0o666;
const DIRECTORY_MODE = 0o755;

/** @throws Fault `files_missing`, `files_is_directory`, `files_not_regular`, `files_denied` and their kind */
export function openForReading(user: User, path: string): OpenFile {
  return withFileFaults({ path, user: user.name }, () => asUser(user, () => reopenRegular(path, constants.O_RDONLY)));
}

/**
 * Opens without truncating, making the file and its missing parents as the user's own (0666 and 0755, less umask).
 * @throws Fault as {@link openForReading}
 */
export function openForWriting(user: User, path: string): OpenFile {
  return withFileFaults({ path, user: user.name }, () => asUser(user, () => openOrMake(path)));
}

/** Makes a new file for writing and never uses what is there. @throws Fault */
export function makeNewFile(user: User, path: string): number {
  return withFileFaults({ path, user: user.name }, () =>
    asUser(user, () =>
      openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | SAFE_FLAGS, FILE_MODE),
    ),
  );
}

/** Makes what is missing of a directory path. Must run under the user's identity. */
export function makeParents(directory: string): void {
  try {
    mkdirSync(directory, { mode: DIRECTORY_MODE });
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST")) return;
    if (!isErrno(thrown, "ENOENT") || dirname(directory) === directory) throw thrown;
    makeParents(dirname(directory));
    makeOne(directory);
  }
}

function makeOne(directory: string): void {
  try {
    mkdirSync(directory, { mode: DIRECTORY_MODE });
  } catch (thrown) {
    // Another request may have made it meanwhile; a last part of `.` or `..` is there by now as well.
    if (!isErrno(thrown, "EEXIST")) throw thrown;
  }
}

function openOrMake(path: string): OpenFile {
  try {
    return openExistingOrNew(path);
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT")) throw thrown;
    makeParents(dirname(path));
    return openExistingOrNew(path);
  }
}

/**
 * Tries without O_CREAT first: with it, fs.protected_regular refuses even root a file of another user in /tmp.
 * The last try follows a dangling symlink, which O_EXCL does not.
 */
function openExistingOrNew(path: string): OpenFile {
  return (
    unless("ENOENT", () => reopenRegular(path, constants.O_WRONLY)) ??
    unless("EEXIST", () => openNew(path, constants.O_EXCL)) ??
    unless("ENOENT", () => reopenRegular(path, constants.O_WRONLY)) ??
    openNew(path, 0)
  );
}

function unless(code: string, work: () => OpenFile): OpenFile | undefined {
  try {
    return work();
  } catch (thrown) {
    if (isErrno(thrown, code)) return undefined;
    throw thrown;
  }
}

function openNew(path: string, extraFlag: number): OpenFile {
  const flags = constants.O_WRONLY | constants.O_CREAT | SAFE_FLAGS | extraFlag;
  return checkedRegular(openSync(path, flags, FILE_MODE), path);
}

/** Looks at the inode first, then opens that very inode through its descriptor. */
function reopenRegular(path: string, access: number): OpenFile {
  const place = openSync(path, O_PATH | O_CLOEXEC);
  try {
    refuseIrregular(fstatSync(place, { bigint: true }), path);
    return checkedRegular(openSync(`/proc/self/fd/${place}`, access | SAFE_FLAGS), path);
  } finally {
    closeSync(place);
  }
}

function checkedRegular(fd: number, path: string): OpenFile {
  try {
    const stat = fstatSync(fd, { bigint: true });
    refuseIrregular(stat, path);
    return { fd, stat };
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

function refuseIrregular(stat: BigIntStats, path: string): void {
  if (stat.isDirectory()) throw fileFaults.is_directory({ path });
  if (!stat.isFile()) throw fileFaults.not_regular({ path });
}
