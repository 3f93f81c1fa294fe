/** What can go wrong with a path of a request, and the one table from errno to those faults. */
import { defineFaults, type Fault, isFault } from "@sandlot/faults";

type At = { path: string };
type By = { path: string; user: string };

export const fileFaults = defineFaults("files", {
  missing: { kind: "missing", say: (f: At) => `path '${f.path}' does not exist` },
  source_missing: { kind: "missing", say: (f: At) => `source file not found: ${f.path}` },
  is_directory: { kind: "invalid", say: (f: At) => `path '${f.path}' is a directory` },
  not_regular: { kind: "invalid", say: (f: At) => `path '${f.path}' is not a regular file` },
  not_directory: { kind: "invalid", say: (f: At) => `a parent of path '${f.path}' is not a directory` },
  name_too_long: { kind: "invalid", say: (f: At) => `path '${f.path}' has a name that is too long` },
  nul_in_path: { kind: "invalid", say: (_: Record<never, never>) => "path must not contain a NUL byte" },
  empty_path: { kind: "invalid", say: (_: Record<never, never>) => "path must not be empty" },
  link_loop: { kind: "precondition", say: (f: At) => `too many symbolic links on the way to '${f.path}'` },
  denied: { kind: "forbidden", say: (f: By) => `permission denied: user '${f.user}' has no access to '${f.path}'` },
  read_only: { kind: "forbidden", say: (f: At) => `permission denied: '${f.path}' is on a read-only file system` },
  busy: { kind: "conflict", say: (f: At) => `path '${f.path}' is in use` },
  no_space: {
    kind: "disk_full",
    say: (f: { sizeBytes: number | undefined }) =>
      f.sizeBytes === undefined
        ? "not enough disk space available"
        : `attempted to write ${f.sizeBytes} bytes: not enough disk space available`,
  },
  io: { kind: "broken", say: (f: At & { errno: string }) => `file system error on '${f.path}': ${f.errno}` },
  unknown_user: {
    kind: "unauthenticated",
    say: (f: { user: string }) => `error looking up user '${f.user}': user: unknown user ${f.user}`,
  },
  no_user: { kind: "invalid", say: (_: Record<never, never>) => "no user specified" },
  unauthorized: { kind: "unauthenticated", say: (f: { problem: string }) => f.problem },
  bad_request: { kind: "invalid", say: (f: { problem: string }) => f.problem },
  metadata: { kind: "invalid", say: (f: { problem: string }) => `invalid metadata: ${f.problem}` },
  cut: { kind: "invalid", say: (_: Record<never, never>) => "the upload ended before its end" },
  stalled: { kind: "invalid", say: (f: { idleMs: number }) => `upload stalled: no data for ${f.idleMs / 1000} s` },
});

const BY_ERRNO: Readonly<Record<string, (of: By) => Fault>> = {
  EACCES: fileFaults.denied,
  EPERM: fileFaults.denied,
  EROFS: fileFaults.read_only,
  ENOENT: fileFaults.missing,
  ENOTDIR: fileFaults.not_directory,
  EISDIR: fileFaults.is_directory,
  ENAMETOOLONG: fileFaults.name_too_long,
  ELOOP: fileFaults.link_loop,
  ENXIO: fileFaults.not_regular,
  ENODEV: fileFaults.not_regular,
  ETXTBSY: fileFaults.busy,
  EBUSY: fileFaults.busy,
  ENOSPC: () => fileFaults.no_space({ sizeBytes: undefined }),
  EDQUOT: () => fileFaults.no_space({ sizeBytes: undefined }),
};

/** A refusal of the kernel as a fault; what is a fault already, or no refusal at all, passes as it is. */
export function fileFault(thrown: unknown, of: { path: string; user: string }): unknown {
  if (isFault(thrown) || !(thrown instanceof Error && "code" in thrown)) return thrown;
  const code = String(thrown.code);
  if (!/^E[A-Z0-9]+$/.test(code)) return thrown;
  return BY_ERRNO[code]?.(of) ?? fileFaults.io({ path: of.path, errno: code }, thrown);
}

/** Runs `work` and throws what the kernel refuses as a fault about `path`. */
export function withFileFaults<T>(of: { path: string; user: string }, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw fileFault(thrown, of);
  }
}
