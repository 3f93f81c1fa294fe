/** Acting as another user for the length of one synchronous call, on this thread only. */
import { SyscallError, syscall, trySyscall } from "./syscall";

export type Identity = { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };

let ownGroups: Uint32Array | undefined;

/**
 * Runs `work` so that the kernel judges file access by the user's own identity, and new files are the user's.
 * The kernel drops CAP_DAC_OVERRIDE, CAP_CHOWN and their kind from the effective set while the file system uid is not 0.
 * `work` must be synchronous: an `await` would let other requests run as this user.
 */
export function asUser<T>(user: Identity, work: () => T): T {
  if (user.uid === 0 && user.gid === 0) return work();
  const before = rememberGroups();
  try {
    setGroups(Uint32Array.from(user.groups));
    setFileIds(user.uid, user.gid);
    return refusePromise(work());
  } finally {
    setFileIds(0, 0);
    setGroups(before);
  }
}

/**
 * Runs `work` with real and effective ids of the user, for spawning: the child has exactly this identity and no
 * capabilities. The saved ids stay 0, which is what lets this thread come back; exec replaces them in the child.
 */
export function withCreds<T>(user: Identity, work: () => T): T {
  const before = rememberGroups();
  try {
    setGroups(Uint32Array.from(user.groups));
    syscall("setresgid", user.gid, user.gid, 0);
    syscall("setresuid", user.uid, user.uid, 0);
    return refusePromise(work());
  } finally {
    syscall("setresuid", 0, 0, 0);
    syscall("setresgid", 0, 0, 0);
    setGroups(before);
  }
}

function refusePromise<T>(result: T): T {
  if (result instanceof Promise) throw new TypeError("work under a user's identity must be synchronous");
  return result;
}

function setGroups(groups: Uint32Array): void {
  syscall("setgroups", groups.length, groups);
}

function rememberGroups(): Uint32Array {
  if (ownGroups === undefined) {
    const count = syscall("getgroups", 0, null);
    const groups = new Uint32Array(count);
    if (count > 0) syscall("getgroups", count, groups);
    ownGroups = groups;
  }
  return ownGroups;
}

/** setfsuid and setfsgid answer with the old id and never fail aloud, so ask again whether they took. */
function setFileIds(uid: number, gid: number): void {
  trySyscall("setfsgid", gid);
  trySyscall("setfsuid", uid);
  if (trySyscall("setfsuid", -1) !== uid) throw new SyscallError("setfsuid", 1);
  if (trySyscall("setfsgid", -1) !== gid) throw new SyscallError("setfsgid", 1);
}
