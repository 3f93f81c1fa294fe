/**
 * Forgets the host's connection-table entries of slots that are gone. The slot's own table dies with its namespace, but
 * the host's masquerading entries would stay for days (TCP's default), fill the table, and match the next tenant's flows.
 * Speaks ctnetlink (linux/netfilter/nfnetlink_conntrack.h) itself: the `conntrack` tool is rarely installed.
 */
import { readFile } from "node:fs/promises";
import { syscall } from "@sandlot/linux";
import type { Logger } from "@sandlot/telemetry";
import { parseAddress } from "../address/ranges";

const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0x80003;
const NETLINK_NETFILTER = 12;
const CT_GET = 0x0101;
const CT_DELETE = 0x0102;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const F_REQUEST = 1;
const F_ACK = 4;
const F_DUMP = 0x300;
const ATTR = { tupleOrig: 1, id: 12, zone: 18, filter: 25 } as const;
const NESTED = 0x8000;
/** Entries that cost as much to look at here as one more walk costs the kernel. */
const ENTRIES_PER_WALK = 1_000;
/** Kernel-side filter: compare the original direction's source address only (kernel 5.8). */
const FILTER_IP_SRC = 1;

/**
 * Deletes every IPv4 entry that one of these addresses opened. Entries it cannot delete time out by themselves, so a
 * failure is logged and passed over. The kernel walks its whole table per question, about 5 ms that block this thread:
 * while the table is small, one question serves all addresses; else there is a breath between two of them.
 */
export async function forgetFlows(addresses: readonly string[], log: Logger): Promise<void> {
  try {
    const held = Number(await readFile("/proc/sys/net/netfilter/nf_conntrack_count", "utf8"));
    const rounds = held < addresses.length * ENTRIES_PER_WALK ? [addresses] : addresses.map((address) => [address]);
    for (const round of rounds) {
      withSocket((socket) => {
        for (const entry of listEntries(socket, round)) deleteEntry(socket, entry);
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (thrown) {
    log.warn("cannot forget the flows of ended sandboxes", { thrown });
  }
}

/** How many entries of the host's connection table this address opened. */
export function countFlows(address: string): number {
  return withSocket((socket) => listEntries(socket, [address]).length);
}

function withSocket<T>(work: (socket: number) => T): T {
  const socket = syscall("socket", AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
  try {
    return work(socket);
  } finally {
    syscall("close", socket);
  }
}

/** Attributes that name one entry, ready to be sent back; the kernel sifts when only one address is asked for. */
function listEntries(socket: number, addresses: readonly string[]): Buffer[] {
  const sources = addresses.map((address) => {
    const source = Buffer.alloc(4);
    source.writeUInt32BE(parseAddress(address) ?? 0);
    return source;
  });
  const wanted = new Set(sources.map((source) => source.readUInt32BE(0)));
  const [only] = sources;
  const body = only !== undefined && sources.length === 1 ? filterFor(only) : Buffer.alloc(0);
  send(socket, CT_GET, F_REQUEST | F_DUMP, body);
  const entries: Buffer[] = [];
  for (;;) {
    for (const { type, payload } of receive(socket)) {
      if (type === NLMSG_DONE) return entries;
      if (type === NLMSG_ERROR) throw new Error(`conntrack dump failed: errno ${-payload.readInt32LE(0)}`);
      const kept = readAttributes(payload.subarray(4));
      // An old kernel ignores the filter: check again what came.
      if (!wanted.has(sourceOf(kept.get(ATTR.tupleOrig)))) continue;
      const named = [ATTR.tupleOrig | NESTED, ATTR.id, ATTR.zone].flatMap((kind) => {
        const value = kept.get(kind & ~NESTED);
        return value === undefined ? [] : [attribute(kind, value)];
      });
      entries.push(Buffer.concat(named));
    }
  }
}

function deleteEntry(socket: number, entry: Buffer): void {
  send(socket, CT_DELETE, F_REQUEST | F_ACK, entry);
  receive(socket); // an entry that is gone meanwhile answers ENOENT: as good as done
}

function filterFor(source: Buffer): Buffer {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(FILTER_IP_SRC);
  return Buffer.concat([
    attribute(ATTR.tupleOrig | NESTED, attribute(1 | NESTED, attribute(1, source))),
    attribute(ATTR.filter | NESTED, Buffer.concat([attribute(1, flags), attribute(2, Buffer.alloc(4))])),
  ]);
}

/** The opening side's address as a number, -1 when there is none. */
function sourceOf(tuple: Buffer | undefined): number {
  const ip = tuple && readAttributes(tuple).get(1);
  return (ip && readAttributes(ip).get(1))?.readUInt32BE(0) ?? -1;
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16LE(4 + value.length, 0);
  padded.writeUInt16LE(type, 2);
  value.copy(padded, 4);
  return padded;
}

function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

function send(socket: number, type: number, flags: number, body: Buffer): void {
  const message = Buffer.alloc(20 + body.length);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt8(AF_INET, 16);
  body.copy(message, 20);
  syscall("write", socket, message, message.length);
}

function receive(socket: number): { type: number; payload: Buffer }[] {
  const buffer = Buffer.alloc(65_536);
  const length = syscall("read", socket, buffer, buffer.length);
  const messages: { type: number; payload: Buffer }[] = [];
  for (let at = 0; at + 16 <= length; ) {
    const size = buffer.readUInt32LE(at);
    if (size < 16) break;
    messages.push({ type: buffer.readUInt16LE(at + 4), payload: buffer.subarray(at + 16, at + size) });
    at += Math.ceil(size / 4) * 4;
  }
  return messages;
}
