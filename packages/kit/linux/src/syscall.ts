/** Raw system calls on the calling thread, by libc's `syscall(2)`; glibc's wrappers would change ids on all threads. */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { type SyscallName, syscallNumber } from "./numbers";

const libc = dlopen("libc.so.6", {
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: "ptr" },
});

const errnoNames = new Map<number, string>(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A call the kernel refused; has the shape of Node's own file errors, so callers translate both at one place. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  /** `ENOENT` and the like. */
  readonly code: string;
  readonly errno: number;
  readonly syscall: SyscallName;
  constructor(syscall: SyscallName, errno: number) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${syscall}: ${code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

/** Integers go as they are, buffers by address; strings must be made with {@link cString} by the caller. */
export type SyscallArg = number | bigint | NodeJS.TypedArray | null;

/** The kernel's answer, or minus errno; never throws. For hot paths that expect EAGAIN. */
export function trySyscall(name: SyscallName, ...args: SyscallArg[]): number {
  const [a, b, c, d, e, f] = args.map(toWord);
  const answer = Number(libc.symbols.syscall(syscallNumber(name), a ?? 0, b ?? 0, c ?? 0, d ?? 0, e ?? 0, f ?? 0));
  return answer === -1 ? -currentErrno() : answer;
}

/** @throws SyscallError when the kernel refuses */
export function syscall(name: SyscallName, ...args: SyscallArg[]): number {
  const answer = trySyscall(name, ...args);
  if (answer < 0 && answer > -4096) throw new SyscallError(name, -answer);
  return answer;
}

/** NUL-terminated bytes of a path or name. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, "utf8");
}

/** Whether something thrown is an operating system error of that name, ours or Node's. */
export function isErrno(thrown: unknown, ...codes: string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

function toWord(arg: SyscallArg): number | bigint {
  if (arg === null) return 0;
  if (typeof arg === "number" || typeof arg === "bigint") return arg;
  return arg.byteLength === 0 ? 0 : ptr(arg);
}

function currentErrno(): number {
  const at = libc.symbols.__errno_location();
  return at === null ? constants.errno.EIO : read.i32(at, 0);
}
