/** LZ4 as kernels are packed: the legacy frame, a mark and then blocks with their packed size before them. */

const MARK_BYTES = 4;

/** Pure. @throws Error when it is damaged or unpacks to another size */
export function unpackLegacyLz4(packed: Buffer, sizeBytes: number): Uint8Array {
  const out = new Uint8Array(sizeBytes);
  let to = 0;
  let at = MARK_BYTES;
  while (at + 4 <= packed.length) {
    const length = packed.readUInt32LE(at);
    at += 4;
    if (length === 0 || at + length > packed.length) break; // padding
    to = unpackBlock(packed.subarray(at, at + length), out, to);
    at += length;
  }
  if (to !== sizeBytes) throw new Error(`it unpacks to ${to} bytes and not to ${sizeBytes}`);
  return out;
}

/** @returns where the next block's bytes go; copies overlap on purpose, as the format has it */
function unpackBlock(block: Uint8Array, out: Uint8Array, start: number): number {
  let at = 0;
  let to = start;
  const byte = (): number => {
    const value = block[at++];
    if (value === undefined) throw new Error("a block is cut off");
    return value;
  };
  const length = (nibble: number): number => {
    if (nibble !== 15) return nibble;
    let sum = 15;
    for (let more = 255; more === 255; sum += more) more = byte();
    return sum;
  };
  while (at < block.length) {
    const token = byte();
    const literals = length(token >> 4);
    if (at + literals > block.length || to + literals > out.length) throw new Error("a block holds too much");
    out.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) return to; // the last piece has no match
    const back = byte() | (byte() << 8);
    const matched = length(token & 15) + 4;
    if (back === 0 || back > to || to + matched > out.length) throw new Error("a block refers to nothing");
    if (back >= matched) out.copyWithin(to, to - back, to - back + matched);
    else for (let index = 0; index < matched; index += 1) out[to + index] = out[to - back + index] ?? 0;
    to += matched;
  }
  return to;
}
