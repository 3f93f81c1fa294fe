/**
 * TCP sockets that listen, asked of the kernel by sock_diag. /proc/net/tcp says the same, but reading it walks the
 * host's whole connection table: 2.7 ms a look on a machine with 24 GB, against a few hundredths of one here.
 */
import { closeSync } from "node:fs";
import { SyscallError, syscall } from "./syscall";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const IPPROTO_TCP = 6;
const STATE_LISTEN = 1 << 10;
const REQUEST_BYTES = 72;
const HEADER_BYTES = 16;
const FAMILIES = [2, 10] as const;

export type Listener = {
  readonly family: 4 | 6;
  /** As the kernel holds it: 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
};

/** Those of the caller's network namespace. */
export function listTcpListeners(): Listener[] {
  const fd = syscall("socket", AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG);
  try {
    const answer = Buffer.allocUnsafe(32 * 1024);
    return FAMILIES.flatMap((family) => dump({ fd, family, answer }));
  } finally {
    closeSync(fd);
  }
}

function dump(of: { fd: number; family: number; answer: Buffer }): Listener[] {
  const request = Buffer.alloc(REQUEST_BYTES);
  request.writeUInt32LE(REQUEST_BYTES, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.writeUInt8(of.family, HEADER_BYTES);
  request.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  request.writeUInt32LE(STATE_LISTEN, HEADER_BYTES + 4);
  syscall("sendto", of.fd, request, request.byteLength, 0, null, 0);
  const found: Listener[] = [];
  for (;;) {
    // A dump's parts are made while they are received, so this never waits.
    const size = syscall("recvfrom", of.fd, of.answer, of.answer.byteLength, 0, null, null);
    if (size === 0 || readPart(of.answer.subarray(0, size), found)) return found;
  }
}

/** @returns whether it was the last part */
function readPart(part: Buffer, found: Listener[]): boolean {
  for (let at = 0; at + HEADER_BYTES <= part.byteLength; ) {
    const length = part.readUInt32LE(at);
    const type = part.readUInt16LE(at + 4);
    if (type === NLMSG_DONE || length < HEADER_BYTES) return true;
    if (type === NLMSG_ERROR) throw new SyscallError("recvfrom", -part.readInt32LE(at + HEADER_BYTES));
    const body = at + HEADER_BYTES;
    const family = part.readUInt8(body) === FAMILIES[0] ? 4 : 6;
    const address = Uint8Array.from(part.subarray(body + 8, body + 8 + (family === 4 ? 4 : 16)));
    found.push({ family, address, port: part.readUInt16BE(body + 4) });
    at += (length + 3) & ~3;
  }
  return false;
}
