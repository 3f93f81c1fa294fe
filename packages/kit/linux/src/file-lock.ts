/** A lock that the kernel lets go of when its holder dies, however it dies. */
import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { O_CLOEXEC } from "./files";
import { isErrno, syscall } from "./syscall";

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** The holder's pid is told as it wrote it down; undefined when it has not yet. */
export type FileLock =
  | (Disposable & { readonly isHeld: true })
  | { readonly isHeld: false; readonly by: number | undefined };

/**
 * Takes the lock without waiting. The file stays behind and means nothing by itself. No child inherits the lock.
 * @throws errno errors about the file
 */
export function takeFileLock(path: string): FileLock {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | O_CLOEXEC, 0o644);
  try {
    syscall("flock", fd, LOCK_EX | LOCK_NB);
  } catch (thrown) {
    closeSync(fd);
    if (!isErrno(thrown, "EAGAIN", "EWOULDBLOCK")) throw thrown;
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return { isHeld: false, by: Number.isNaN(pid) ? undefined : pid };
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`, 0);
  return {
    isHeld: true,
    [Symbol.dispose]() {
      // Closing alone leaves the lock to a child that was just forked and has not yet become its program.
      syscall("flock", fd, LOCK_UN);
      closeSync(fd);
    },
  };
}
