/** What every runtime of virtual machines shares: the guest's kernel and first program, its disks, and the way to speak to it. */
export { type AgentOptions, connectAgent } from "./agent/connect-agent";
export type {
  AgentStream,
  ConnectAgent,
  GuestAgent,
  GuestHello,
  GuestIdentity,
  GuestResume,
  GuestStats,
} from "./agent/types";
export { unixSocketStream } from "./agent/unix-stream";
export { type BlankDiskFormat, ensureBlankDisk } from "./disks/blank-disk";
export { ensureLayerImage } from "./disks/layer-image";
export {
  type DiskPiece,
  type LayerExtent,
  type LayersDisk,
  planLayersDisk,
  vmdkDescriptor,
} from "./disks/layers-disk";
export { microvmFaults } from "./faults";
export {
  AGENT_PORT,
  AGENT_VSOCK_PORT,
  GUEST_MAC,
  type GuestBoot,
  guestCommandLine,
  HOST_MAC,
  NOTICE_PORT,
} from "./kernel/command-line";
export { digestKernel, type GuestKernel, loadGuestKernel } from "./kernel/guest-kernel";
export { layOutKernel } from "./kernel/lay-out-kernel";
export type { PageRun, PageSource, PageTarget } from "./memory/pages";
export { PAGE_BYTES } from "./memory/pages";
export { type MappedRange, ProcessMemory } from "./memory/process-memory";
export { applyDiff, DiffFile } from "./memory/read-diff";
export { type BegunBase, beginBase, openPages, storedBytesOf } from "./memory/write-base";
export { type WrittenDiff, writeDiff } from "./memory/write-diff";
export { copySparsely, linkOrNot } from "./place-file";
