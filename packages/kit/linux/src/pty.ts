/** Pseudo-terminals. Ours rather than Bun's, because reading ours can pause when the reader is slow. */
import { closeSync, constants, openSync } from "node:fs";
import { asUser, type Identity } from "./creds";
import { syscall } from "./syscall";

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
  const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
  const masterFd = asUser(of.owner, () => openSync("/dev/ptmx", flags));
  try {
    syscall("ioctl", masterFd, TIOCSPTLCK, new Int32Array([0]));
    const index = new Int32Array(1);
    syscall("ioctl", masterFd, TIOCGPTN, index);
    resizePty(masterFd, of.size);
    return { masterFd, path: `/dev/pts/${index[0]}` };
  } catch (thrown) {
    closeSync(masterFd);
    throw thrown;
  }
}

/** The kernel tells the foreground processes by SIGWINCH. Sizes are clamped to what the field holds. */
export function resizePty(masterFd: number, size: PtySize): void {
  const clamp = (value: number): number => Math.min(Math.max(value, 0), 0xffff);
  syscall("ioctl", masterFd, TIOCSWINSZ, new Uint16Array([clamp(size.rows), clamp(size.cols), 0, 0]));
}
