/** What the filesystem service refuses, in the words of the wire contract, and errno per method. behaviour.md §2.5. */
import { defineFaults, isFault } from "@sandlot/faults";
import { isErrno } from "@sandlot/linux";
import { fileFault } from "../files/faults";
import type { User } from "../users";

type At = { path: string };

export const filesystemFaults = defineFaults("filesystem", {
  file_missing: { kind: "missing", say: (f: At) => `file not found: ${f.path}` },
  source_missing: { kind: "missing", say: (f: At) => `source file not found: ${f.path}` },
  path_missing: { kind: "missing", say: (f: At) => `path not found: ${f.path}` },
  directory_exists: { kind: "exists", say: (f: At) => `directory already exists: ${f.path}` },
  blocked: { kind: "invalid", say: (f: At) => `path already exists but it is not a directory: ${f.path}` },
  not_directory: { kind: "invalid", say: (f: At) => `path is not a directory: ${f.path}` },
  failed: {
    kind: "broken",
    say: (f: At & { doing: string; errno: string }) => `error ${f.doing} ${f.path}: ${f.errno}`,
  },
  too_many_entries: {
    kind: "too_large",
    say: (f: At & { limit: number }) => `more than ${f.limit} entries below ${f.path}: list with a smaller depth`,
  },
});

/**
 * Runs `work` and throws what the kernel refuses as this method's fault: `missing` for ENOENT, the common ones for
 * permissions, names, loops and space, else an internal error that names the errno.
 */
export async function withPathFaults<T>(
  of: { path: string; user: User; doing: string; missing?: (at: At) => Error },
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT") && of.missing !== undefined) throw of.missing({ path: of.path });
    const fault = fileFault(thrown, { path: of.path, user: of.user.name });
    const isOrdinary =
      isFault(fault) && !["files_io", "files_missing", "files_is_directory", "files_busy"].includes(fault.code);
    if (isOrdinary || !(thrown instanceof Error && "code" in thrown) || isFault(thrown)) throw fault;
    throw filesystemFaults.failed({ path: of.path, doing: of.doing, errno: String(thrown.code) }, thrown);
  }
}
