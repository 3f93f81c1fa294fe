/** Network namespaces: sockets made in another one, and where a redirected connection was going. */
import { O_CLOEXEC } from "./files";
import { cString, syscall } from "./syscall";

const CLONE_NEWNET = 0x4000_0000;
const AT_FDCWD = -100;
const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const AF_INET = 2;

let own: number | undefined;

/** A network namespace held open: it lives as long as this or anything in it does. */
export class NetworkNamespace implements Disposable {
  readonly #fd: number;
  #isClosed = false;

  /** @param path e.g. `/run/netns/name` @throws SyscallError */
  constructor(path: string) {
    this.#fd = syscall("openat", AT_FDCWD, cString(path), O_CLOEXEC, 0);
  }

  /**
   * Runs `work` with this thread in the namespace: sockets that it makes stay there. It must not await: only what happens
   * before it returns happens inside. Two system calls, a few microseconds.
   * @throws what `work` throws, SyscallError when the namespace cannot be entered
   */
  run<T>(work: () => T): T {
    if (this.#isClosed) throw new Error("the network namespace has been let go");
    own ??= syscall("openat", AT_FDCWD, cString("/proc/thread-self/ns/net"), O_CLOEXEC, 0);
    syscall("setns", this.#fd, CLONE_NEWNET);
    try {
      return work();
    } finally {
      leave(own);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    syscall("close", this.#fd);
  }
}

/** A process that cannot come back would open everybody's connections in one sandbox's place: it must not go on. */
function leave(home: number): void {
  try {
    syscall("setns", home, CLONE_NEWNET);
  } catch (thrown) {
    process.stderr.write(`cannot return to the host's network namespace: ${thrown}\n`);
    process.abort();
  }
}

/** Where a connection was going before a redirect rule sent it to us; undefined when none did. IPv4. */
export function originalDestination(socketFd: number): { readonly address: string; readonly port: number } | undefined {
  const bytes = Buffer.alloc(16);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  try {
    syscall("getsockopt", socketFd, SOL_IP, SO_ORIGINAL_DST, bytes, size);
  } catch {
    return undefined; // closed meanwhile, or never redirected
  }
  if (bytes.readUInt16LE(0) !== AF_INET) return undefined;
  return { address: bytes.subarray(4, 8).join("."), port: bytes.readUInt16BE(2) };
}
