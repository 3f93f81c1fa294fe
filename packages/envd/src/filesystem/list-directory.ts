/** ListDir: a tree in lexical order, parents before children, never through a symlink but the root. */
import { closeSync, constants, openSync } from "node:fs";
import { normalize } from "node:path";
import type { EntryInfo } from "@sandlot/contracts/envd/filesystem";
import { type DirectoryEntry, isErrno, O_CLOEXEC, readDirectory } from "@sandlot/linux";
import { describeEntry, type OwnerNames } from "./entry-info";
import { filesystemFaults } from "./faults";
import { LIST_ENTRIES } from "./limits";

const SLASH = Buffer.from("/");

/**
 * Lists `path` down to `depth` levels (at least one). Must run under the user's identity, step by step.
 * What vanishes while we look is left out; a directory the user may not read is listed and not entered.
 * @throws errno errors about the root; Fault `filesystem_too_many_entries`
 */
export function* listDirectory(of: { path: string; depth: number; owners: OwnerNames }): Generator<void, EntryInfo[]> {
  const shown = normalize(of.path);
  const root = Buffer.from(shown.length > 1 && shown.endsWith("/") ? shown.slice(0, -1) : shown);
  const found: EntryInfo[] = [];
  // A stack of what is still to be described; children go on top of it, in reverse.
  const stack = childrenOf(root, 1, constants.O_RDONLY);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const entry = describeIfThere(next.rawPath, of.owners);
    if (entry !== undefined) {
      found.push(entry);
      if (found.length > LIST_ENTRIES) throw filesystemFaults.too_many_entries({ path: of.path, limit: LIST_ENTRIES });
      if (next.level < of.depth && entry.symlinkTarget === undefined && entry.permissions.startsWith("d")) {
        stack.push(...childrenIfReadable(next.rawPath, next.level + 1));
      }
    }
    yield;
  }
  return found;
}

type Pending = { readonly rawPath: Buffer; readonly level: number };

/** In reverse lexical order. */
function childrenOf(directory: Buffer, level: number, flags: number): Pending[] {
  const fd = openSync(directory, flags | constants.O_DIRECTORY | constants.O_NONBLOCK | O_CLOEXEC);
  try {
    const names = readDirectory(fd).map((entry: DirectoryEntry) => entry.name);
    const prefix = directory.equals(SLASH) ? SLASH : Buffer.concat([directory, SLASH]);
    return names.sort((a, b) => b.compare(a)).map((name) => ({ rawPath: Buffer.concat([prefix, name]), level }));
  } finally {
    closeSync(fd);
  }
}

function childrenIfReadable(directory: Buffer, level: number): Pending[] {
  try {
    return childrenOf(directory, level, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (isErrno(thrown, "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP")) return [];
    throw thrown;
  }
}

function describeIfThere(rawPath: Buffer, owners: OwnerNames): EntryInfo | undefined {
  try {
    return describeEntry({ rawPath, owners });
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR", "EACCES")) return undefined;
    throw thrown;
  }
}
