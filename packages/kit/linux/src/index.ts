/** What Linux offers and Bun does not: raw system calls by FFI. */
export { asUser, type Identity, withCreds } from "./creds";
export { type SyscallName, syscallNumber } from "./numbers";
export { cString, isErrno, type SyscallArg, SyscallError, syscall, trySyscall } from "./syscall";
