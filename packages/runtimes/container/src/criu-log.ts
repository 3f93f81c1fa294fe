/** What CRIU's log says of why it gave up, in words for who owns the sandbox. */

/** Causes that lie in what the sandbox runs, with the text CRIU has for them. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/io_uring/i, "a process uses io_uring"],
  [/nested user namespace/i, "a process runs in a user namespace of its own"],
  [/nested pid namespace/i, "a process runs in a process namespace of its own"],
  [/nested network namespace|more than one net(work)? ns/i, "a process runs in a network namespace of its own"],
  [
    /(\d+) is (already )?being traced|[Uu]nable to (seize|attach).*Operation not permitted|already ptraced|is traced by/i,
    "a process is being traced by a debugger",
  ],
  [/FUSE|fuse/, "a FUSE file system is mounted"],
  [/netlink: The socket has data to read/, "a process has not read what the kernel sent to its netlink socket"],
  [/packet socket|PF_PACKET/i, "a process captures packets"],
  [
    /Unsupported (netlink|socket|proto)|unknown (family|proto)|Can't dump.*socket|socket.*not supported/i,
    "a process holds a socket of a kind that cannot be saved",
  ],
  [/Can't dump that handle|irmap/i, "a process watches a file that cannot be found again"],
  [/ghost|link-?remap/i, "a process holds a removed file that cannot be saved"],
  [
    /Can't (dump|lookup).*mount|unsupported mount|Unable to handle mount|doesn't have a proper root mount|mount .* (is )?not supported/i,
    "a file system is mounted that cannot be saved",
  ],
  [
    /Can't dump|[Uu]nsupported|[Nn]ot supported|[Uu]nknown (fd|file)|[Nn]o dumper/,
    "a process holds something that cannot be saved",
  ],
  [/zombie|vfork/i, "a process is just being made"],
];

/** `(00.012345) Error (criu/x.c:123): text` lines, oldest first. */
export function errorsOf(log: string): string[] {
  const found = [...log.matchAll(/Error \([^)]*\): (.*)/g)].map(([, text]) => text?.trim() ?? "");
  return found.filter((text) => !text.includes("RLIMIT_NOFILE")); // it goes on without
}

/** Pure. The reason for people when the sandbox itself is the cause; undefined when CRIU or the host failed. */
export function unsealableReason(log: string): string | undefined {
  const errors = errorsOf(log);
  for (const error of errors) {
    const cause = CAUSES.find(([pattern]) => pattern.test(error));
    if (cause !== undefined) return `${cause[1]} (${error})`;
  }
  return undefined;
}
