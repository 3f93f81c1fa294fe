/**
 * Changes what is in sets of IPv4 addresses of one nftables table, as one transaction. `nft` does the same, but it reads all
 * rules first, and closes its socket at the end, where the kernel makes it wait (4 to 20 ms) until what was taken out is freed. The new
 * rules are in force long before that.
 */

import { NetworkNamespace } from "./netns";
import { isErrno, SyscallError, syscall } from "./syscall";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const MSG_DONTWAIT = 0x40;
const NFPROTO_INET = 1;
const SUBSYS_NFTABLES = 10;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const NEW_ELEMENTS = (SUBSYS_NFTABLES << 8) | 12;
const DELETE_ELEMENTS = (SUBSYS_NFTABLES << 8) | 14;
const NLMSG_ERROR = 2;
const REQUEST = 0x1;
const ACK = 0x4;
const CREATE = 0x400;
/** Attributes of a list of elements, of an element, and of its key. */
const TABLE = 1;
const SET = 2;
const ELEMENTS = 3;
const NESTED = 0x8000;
const ELEMENT = 1 | NESTED;
const KEY = 1 | NESTED;
const FLAGS = 3;
const VALUE = 1;
const INTERVAL_END = 1;
const HEADER_BYTES = 16;
/** An attribute's length is a number of 16 bits; an element takes 28 bytes at most. */
const ELEMENTS_PER_MESSAGE = 2_000;
/** Sockets have room for more than this without being asked to. */
const USUAL_ROOM_BYTES = 128 * 1024;

/** Addresses as numbers, first and last included; sorted, disjoint and never adjacent. */
type AddressRange = { readonly first: number; readonly last: number };

export type SetContent = {
  readonly set: string;
  /** Of a set with the flag `interval`. Other sets take ranges of one address only. */
  readonly isInterval: boolean;
  readonly ranges: readonly AddressRange[];
};

/** A socket to one `inet` table of one network namespace. Holds the namespace. */
export class NftSets implements Disposable {
  readonly #fd: number;
  readonly #table: string;
  #isClosed = false;

  /** @throws SyscallError */
  constructor(of: { netnsPath: string; table: string }) {
    using namespace = new NetworkNamespace(of.netnsPath);
    this.#fd = namespace.run(() => syscall("socket", AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER));
    this.#table = of.table;
  }

  /**
   * Puts `contents` in place of what is in those sets, or with `isFresh` into sets that are empty. All or nothing; in force on return.
   * @throws SyscallError with what the kernel has against it
   */
  put(contents: readonly SetContent[], isFresh: boolean): void {
    const batch = setBatch(this.#table, contents, isFresh);
    if (batch === undefined) return;
    if (batch.length > USUAL_ROOM_BYTES) {
      const room = Buffer.alloc(4);
      room.writeUInt32LE(batch.length * 2);
      syscall("setsockopt", this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, room, room.length);
    }
    // The kernel does its work before this returns.
    syscall("sendto", this.#fd, batch, batch.length, 0, null, 0);
    if (!this.#readAnswers()) throw new Error("the kernel has not acknowledged a change of nftables");
  }

  /** @returns whether the last message was acknowledged */
  #readAnswers(): boolean {
    const answer = Buffer.alloc(16 * 1024);
    let isDone = false;
    for (;;) {
      const size = receive(this.#fd, answer);
      if (size === 0) return isDone;
      for (let at = 0; at + HEADER_BYTES + 4 <= size; ) {
        const length = answer.readUInt32LE(at);
        const error = answer.readUInt16LE(at + 4) === NLMSG_ERROR ? answer.readInt32LE(at + HEADER_BYTES) : 0;
        if (error !== 0) throw new SyscallError("sendto", -error);
        isDone = true;
        at += Math.max(HEADER_BYTES, (length + 3) & ~3);
      }
    }
  }

  /** May wait until what was taken out has been freed; not when that is some tenths of a second ago. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    syscall("close", this.#fd);
  }
}

/** @returns 0 when nothing is there */
function receive(fd: number, into: Buffer): number {
  try {
    return syscall("recvfrom", fd, into, into.length, MSG_DONTWAIT, null, null);
  } catch (thrown) {
    if (isErrno(thrown, "EAGAIN", "EWOULDBLOCK")) return 0;
    throw thrown;
  }
}

/** The transaction's bytes; undefined when there is nothing to do. Pure. */
export function setBatch(table: string, contents: readonly SetContent[], isFresh: boolean): Buffer | undefined {
  const names = (set: string): Buffer => Buffer.concat([attribute(TABLE, text(table)), attribute(SET, text(set))]);
  const removals = isFresh ? [] : contents.map(({ set }) => ({ type: DELETE_ELEMENTS, flags: 0, body: names(set) }));
  const additions = contents.flatMap(({ set, ...content }) =>
    inGroups(elementsOf(content)).map((group) => ({
      type: NEW_ELEMENTS,
      flags: CREATE,
      body: Buffer.concat([names(set), attribute(ELEMENTS | NESTED, Buffer.concat(group))]),
    })),
  );
  const changes = [...removals, ...additions];
  if (changes.length === 0) return undefined;
  const last = changes.length - 1;
  return Buffer.concat([
    message({ type: BATCH_BEGIN, flags: 0, body: Buffer.alloc(0), sequence: 0 }),
    ...changes.map((change, at) =>
      message({ ...change, flags: at === last ? change.flags | ACK : change.flags, sequence: at + 1 }),
    ),
    message({ type: BATCH_END, flags: 0, body: Buffer.alloc(0), sequence: changes.length + 1 }),
  ]);
}

/** An interval is two elements, its first address and the one after its last; the set's beginning is an end of its own. */
function elementsOf({ isInterval, ranges }: Omit<SetContent, "set">): Buffer[] {
  if (!isInterval) return ranges.map(({ first }) => element(first, false));
  const [lowest] = ranges;
  const start = lowest !== undefined && lowest.first > 0 ? [element(0, true)] : [];
  const bounds = ranges.flatMap(({ first, last }) =>
    last === 0xffff_ffff ? [element(first, false)] : [element(first, false), element(last + 1, true)],
  );
  return [...start, ...bounds];
}

function element(address: number, isEnd: boolean): Buffer {
  const key = attribute(KEY, attribute(VALUE, uint32(address)));
  return attribute(ELEMENT, isEnd ? Buffer.concat([attribute(FLAGS, uint32(INTERVAL_END)), key]) : key);
}

function inGroups(elements: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  for (let at = 0; at < elements.length; at += ELEMENTS_PER_MESSAGE) {
    groups.push(elements.slice(at, at + ELEMENTS_PER_MESSAGE));
  }
  return groups;
}

function message(of: { type: number; flags: number; body: Buffer; sequence: number }): Buffer {
  const isBound = of.type === BATCH_BEGIN || of.type === BATCH_END;
  const head = Buffer.alloc(HEADER_BYTES + 4);
  head.writeUInt32LE(head.length + of.body.length, 0);
  head.writeUInt16LE(of.type, 4);
  head.writeUInt16LE(of.flags | REQUEST, 6);
  head.writeUInt32LE(of.sequence, 8);
  head.writeUInt8(isBound ? 0 : NFPROTO_INET, HEADER_BYTES);
  head.writeUInt16BE(isBound ? SUBSYS_NFTABLES : 0, HEADER_BYTES + 2);
  return Buffer.concat([head, of.body]);
}

function attribute(type: number, body: Buffer): Buffer {
  const whole = Buffer.alloc((4 + body.length + 3) & ~3);
  whole.writeUInt16LE(4 + body.length, 0);
  whole.writeUInt16LE(type, 2);
  body.copy(whole, 4);
  return whole;
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
