/** Changes to CRIU's images: eight bytes of magic, then entries of a length (little endian, four bytes) and a message. */
import { type Field, numberOf, readFields, writeFields } from "./protobuf";

const MAGIC_BYTES = 8;
/** `file_entry.tfd`, and of `timerfd_entry` the time until it rings and the time between rings. */
const TIMER = 12;
const RINGS_IN = { seconds: 7, nanoseconds: 8 };
const RINGS_EVERY = { seconds: 9, nanoseconds: 10 };

function changeEntries(image: Uint8Array, change: (entry: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const parts: Uint8Array[] = [bytes.subarray(0, MAGIC_BYTES)];
  for (let at = MAGIC_BYTES; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    const entry = change(bytes.subarray(at + 4, end));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    parts.push(length, entry);
    at = end;
  }
  return Buffer.concat(parts);
}

/**
 * `files.img` with every periodic timer going on. One that has rung and was not read yet shows no time left, and CRIU would
 * bring it back switched off; a nanosecond lets it ring at once and go on in its period.
 */
export function keepTimersGoing(filesImage: Uint8Array): Uint8Array {
  return changeEntries(filesImage, (entry) => {
    const fields = readFields(entry);
    const timer = fields?.find(({ number }) => number === TIMER)?.value;
    if (fields === undefined || !(timer instanceof Uint8Array)) return entry;
    const parts = readFields(timer);
    if (parts === undefined || !isStuck(parts)) return entry;
    const going = parts.map((part) => (part.number === RINGS_IN.nanoseconds ? { ...part, value: 1n } : part));
    return writeFields(
      fields.map((field) => (field.number === TIMER ? { ...field, value: writeFields(going) } : field)),
    );
  });
}

function isStuck(timer: readonly Field[]): boolean {
  const left = numberOf(timer, RINGS_IN.seconds) + numberOf(timer, RINGS_IN.nanoseconds);
  const period = numberOf(timer, RINGS_EVERY.seconds) + numberOf(timer, RINGS_EVERY.nanoseconds);
  return left === 0n && period > 0n;
}

/**
 * The image that says which ids the machine's user namespace maps, made for another range: field 1 the uid map, field 2 the
 * gid map, each of one extent (inner, outer, count).
 */
export function idMapImage(image: Uint8Array, idBase: number, count: number): Uint8Array {
  const extent = writeFields([0, idBase, count].map((value, at) => ({ number: at + 1, value: BigInt(value) })));
  const entry = writeFields([1, 2].map((number) => ({ number, value: extent })));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(entry.length);
  return Buffer.concat([image.subarray(0, MAGIC_BYTES), length, entry]);
}
