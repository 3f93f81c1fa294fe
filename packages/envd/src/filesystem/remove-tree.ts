/**
 * Remove: a path and all below it. The walk goes from open directory to entry, never by a path of several names, so a
 * directory swapped for a symlink meanwhile leads nowhere else. One descriptor is held per level.
 */
import { closeSync } from "node:fs";
import { AT_FDCWD, isErrno, openDirectoryAt, readDirectory, removeAt } from "@sandlot/linux";

type Level = {
  readonly parentFd: number;
  readonly name: Buffer;
  readonly fd: number;
  readonly left: Buffer[];
  readonly round: number;
};

/** How often a directory is emptied anew because somebody keeps putting entries into it. */
const MAX_ROUNDS = 3;

/**
 * Must run under the user's identity, step by step. What is missing (already) is success.
 * @throws errno errors
 */
export function* removeTree(path: string): Generator<void, void> {
  const bare = path.replace(/\/+$/, "");
  const levels: Level[] = [];
  try {
    removeOrEnter(levels, { parentFd: AT_FDCWD, name: Buffer.from(bare === "" ? "/" : bare), round: 1 });
    for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
      yield;
      const name = top.left.pop();
      if (name !== undefined) removeOrEnter(levels, { parentFd: top.fd, name, round: 1 });
      else leave(levels, top);
    }
  } finally {
    for (const { fd } of levels) closeSync(fd);
  }
}

/** Most entries are files and are gone with one call; an unlink tells a directory by its error. */
function removeOrEnter(levels: Level[], of: Pick<Level, "parentFd" | "name" | "round">): void {
  const { parentFd, name } = of;
  if (tryRemove(parentFd, name, "EISDIR") || tryRemove(parentFd, name, "ENOTEMPTY")) return;
  const fd = openDirectoryAt({ dirFd: parentFd, name });
  levels.push({ ...of, fd, left: [] });
  for (const entry of readDirectory(fd)) levels.at(-1)?.left.push(entry.name);
}

function leave(levels: Level[], top: Level): void {
  levels.pop();
  closeSync(top.fd);
  if (top.round < MAX_ROUNDS) removeOrEnter(levels, { ...top, round: top.round + 1 });
  else removeAt({ dirFd: top.parentFd, name: top.name, isDirectory: true });
}

/** True when the entry is gone; false when it is refused with `expected`, which says that it needs other means. */
function tryRemove(dirFd: number, name: Buffer, expected: "EISDIR" | "ENOTEMPTY"): boolean {
  try {
    removeAt({ dirFd, name, isDirectory: expected === "ENOTEMPTY" });
    return true;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return true;
    if (isErrno(thrown, expected)) return false;
    throw thrown;
  }
}
