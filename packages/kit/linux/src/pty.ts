/** Pseudo-terminals. Ours rather than Bun's, because reading ours can pause when the reader is slow. */
import { chownSync, closeSync, constants, openSync, statSync } from "node:fs";
import { asUser, type Identity } from "./creds";
import { O_CLOEXEC } from "./files";
import { isErrno, syscall } from "./syscall";

// Request numbers of asm-generic, the same on x64 and arm64.
const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;

export type PtySize = { readonly cols: number; readonly rows: number };

export type Pty = {
  /** Non-blocking; the caller closes it. */
  readonly masterFd: number;
  /** `/dev/pts/<n>`; a session leader without a terminal gets this one by opening it. */
  readonly path: string;
};

/** A terminal whose far end belongs to `owner`. */
export function openPty(of: { size: PtySize; owner: Identity }): Pty {
  const masterFd = openMaster(of.owner);
  try {
    syscall("ioctl", masterFd, TIOCSPTLCK, new Int32Array([0]));
    const index = new Int32Array(1);
    syscall("ioctl", masterFd, TIOCGPTN, index);
    resizePty(masterFd, of.size);
    const path = `/dev/pts/${index[0]}`;
    if (statSync(path).uid !== of.owner.uid) chownSync(path, of.owner.uid, statSync(path).gid);
    return { masterFd, path };
  } catch (thrown) {
    closeSync(masterFd);
    throw thrown;
  }
}

/** Opened as the owner, the far end is the owner's at once. Some mounts let only root open it (ptmxmode=000). */
function openMaster(owner: Identity): number {
  const open = (): number =>
    openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | O_CLOEXEC);
  try {
    return asUser(owner, open);
  } catch (thrown) {
    if (isErrno(thrown, "EACCES")) return open();
    throw thrown;
  }
}

/** The kernel tells the foreground processes by SIGWINCH. Sizes are clamped to what the field holds. */
export function resizePty(masterFd: number, size: PtySize): void {
  const clamp = (value: number): number => Math.min(Math.max(value, 0), 0xffff);
  syscall("ioctl", masterFd, TIOCSWINSZ, new Uint16Array([clamp(size.rows), clamp(size.cols), 0, 0]));
}
