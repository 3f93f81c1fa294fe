/** What the kernel remembers of a process that has been waited for. */
import { closeSync } from "node:fs";
import { syscall, trySyscall } from "./syscall";

const PIDFD_GET_INFO = 0xc040ff0b; // with the structure's first version, 64 bytes
const INFO_BYTES = 64;
const PIDFD_INFO_EXIT = 1n << 3n;
const EXIT_CODE_OFFSET = 60;
const WCOREFLAG = 0x80;

/** A handle that stays with this process even after its pid is used again. Must be opened before it is waited for. */
export class ProcessHandle implements Disposable {
  readonly #fd: number;
  constructor(pid: number) {
    this.#fd = syscall("pidfd_open", pid, 0);
  }

  /** Whether it ended with a core dump; false where the kernel (before 6.15) does not tell. */
  hasDumpedCore(): boolean {
    const info = new DataView(new ArrayBuffer(INFO_BYTES));
    info.setBigUint64(0, PIDFD_INFO_EXIT, true);
    const bytes = new Uint8Array(info.buffer);
    if (trySyscall("ioctl", this.#fd, PIDFD_GET_INFO, bytes) < 0) return false;
    const isKnown = (info.getBigUint64(0, true) & PIDFD_INFO_EXIT) !== 0n;
    return isKnown && (info.getInt32(EXIT_CODE_OFFSET, true) & WCOREFLAG) !== 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
