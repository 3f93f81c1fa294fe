/** One inotify queue: exact masks and rename cookies, events as they come or drained on demand. */
import { cBytes } from "./files";
import { syscall, trySyscall } from "./syscall";

export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  ISDIR: 0x40000000,
} as const;

/** `watch` is -1 for an overflow of the kernel's queue. `name` is empty for events of the watched directory itself. */
export type InotifyEvent = {
  readonly watch: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: Buffer;
};

const EVENT_HEADER_BYTES = 16;
const DRAIN_BUFFER_BYTES = 64 * 1024;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/**
 * Owns one inotify descriptor. Events arrive at `onEvents` in the kernel's order, either when the loop sees the
 * descriptor readable or at once on {@link drain}.
 */
export class Inotify implements Disposable {
  readonly #fd: number;
  readonly #reader: ReturnType<typeof readerOf>;
  readonly #onEvents: (events: InotifyEvent[]) => void;
  #isOpen = true;

  /** @throws SyscallError EMFILE when the user's inotify instances (fs.inotify.max_user_instances) are used up */
  constructor(of: { onEvents: (events: InotifyEvent[]) => void; onError: (thrown: unknown) => void }) {
    this.#fd = syscall("inotify_init1", NONBLOCK_CLOEXEC);
    this.#onEvents = of.onEvents;
    this.#reader = readerOf(this.#fd);
    void this.#readAll().catch((thrown) => {
      if (this.#isOpen) of.onError(thrown);
    });
  }

  /**
   * Watches a path; the same inode gives the same number again.
   * @throws SyscallError ENOSPC when fs.inotify.max_user_watches is used up
   */
  add(path: Uint8Array, mask: number): number {
    return syscall("inotify_add_watch", this.#fd, cBytes(path), mask);
  }

  /** Ends a watch; one that the kernel has ended already is fine. */
  remove(watch: number): void {
    if (this.#isOpen) trySyscall("inotify_rm_watch", this.#fd, watch);
  }

  /** Hands over everything the kernel has queued by now, before it returns. */
  drain(): void {
    const buffer = Buffer.allocUnsafe(DRAIN_BUFFER_BYTES);
    while (this.#isOpen) {
      const got = trySyscall("read", this.#fd, buffer, buffer.length);
      if (got <= 0) return;
      this.#onEvents(parseInotifyEvents(buffer.subarray(0, got)));
    }
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      if (this.#isOpen) this.#onEvents(parseInotifyEvents(value));
    }
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // The reader must let go before the number can be reused by another open file.
    void this.#reader.cancel().catch(() => undefined);
    trySyscall("close", this.#fd);
  }
}

function readerOf(fd: number) {
  return Bun.file(fd).stream().getReader();
}

/** Layout of struct inotify_event: watch i32, mask u32, cookie u32, length u32, name padded with NULs. */
export function parseInotifyEvents(bytes: Uint8Array): InotifyEvent[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: InotifyEvent[] = [];
  for (let at = 0; at + EVENT_HEADER_BYTES <= view.length; ) {
    const nameAt = at + EVENT_HEADER_BYTES;
    const end = nameAt + view.readUInt32LE(at + 12);
    const padded = view.subarray(nameAt, end);
    const nul = padded.indexOf(0);
    events.push({
      watch: view.readInt32LE(at),
      mask: view.readUInt32LE(at + 4),
      cookie: view.readUInt32LE(at + 8),
      name: Buffer.from(nul === -1 ? padded : padded.subarray(0, nul)),
    });
    at = end;
  }
  return events;
}
