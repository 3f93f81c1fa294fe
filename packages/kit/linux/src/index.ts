/** What Linux offers and Bun does not: raw system calls by FFI. */
export { asUser, type Identity, withCreds } from "./creds";
export { cString, isErrno, SyscallError, type SyscallArg, syscall, trySyscall } from "./syscall";
export { type SyscallName, syscallNumber } from "./numbers";
