/** What Linux offers and Bun does not: raw system calls by FFI. */
export { asUser, type Identity, withCreds } from "./creds";
export { ProcessHandle } from "./exit-info";
export { type FileLock, takeFileLock } from "./file-lock";
export {
  AT_FDCWD,
  cBytes,
  type DirectoryEntry,
  type DirectoryEntryKind,
  O_CLOEXEC,
  O_PATH,
  openAt,
  openDirectoryAt,
  readDirectory,
  removeAt,
} from "./files";
export { IN, Inotify, type InotifyEvent, parseInotifyEvents } from "./inotify";
export { type Listener, listTcpListeners } from "./listeners";
export { ownNice, setHostname, setWallClock } from "./machine";
export { NetworkNamespace, originalDestination } from "./netns";
export { NftSets, type SetContent } from "./nft-sets";
export { type SyscallName, syscallNumber } from "./numbers";
export { withOomScore } from "./oom-score";
export { makePipe, type Pipe, setNonBlocking, writeSome } from "./pipes";
export { type ProcessStat, parseProcessStat, readProcessStat } from "./process-stat";
export { openPty, type Pty, type PtySize, resizePty } from "./pty";
export { type DataRun, dataRuns } from "./sparse";
export { cString, isErrno, type SyscallArg, SyscallError, syscall, trySyscall } from "./syscall";
export { getXattr, listXattrs, removeXattr, setXattr, type XattrTarget } from "./xattr";
