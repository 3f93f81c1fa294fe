/** One 512-byte header of a tar: POSIX, GNU's and old ones. Pure. */

export type TarType =
  | "file"
  | "hardlink"
  | "symlink"
  | "char"
  | "block"
  | "directory"
  | "fifo"
  | "pax"
  | "pax_global"
  | "long_name"
  | "long_link"
  | "sparse"
  | "unknown";

export type TarHeader = { readonly name: string; readonly link: string; readonly size: number; readonly type: TarType };

export const BLOCK = 512;

const TYPES: Readonly<Record<string, TarType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  x: "pax",
  g: "pax_global",
  L: "long_name",
  K: "long_link",
  S: "sparse",
};

const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
};

/** Octal digits, or GNU's big-endian number. NaN when it is neither. */
function number(bytes: Buffer): number {
  if (((bytes[0] ?? 0) & 0x80) !== 0) {
    let value = (bytes[0] ?? 0) & 0x7f;
    for (const byte of bytes.subarray(1)) value = value * 256 + byte;
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }
  const digits = text(bytes).trim();
  return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** Undefined for a block of zeroes. @throws Error when the checksum is wrong */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  if (number(block.subarray(148, 156)) !== sum) throw new Error("a header's checksum is wrong");
  const size = number(block.subarray(124, 136));
  if (Number.isNaN(size) || size < 0) throw new Error("a header's size is no number");
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    link: text(block.subarray(157, 257)),
    size,
    type: TYPES[String.fromCharCode(block[156] ?? 0)] ?? "unknown",
  };
}

/** `12 path=…\n` records. @throws Error when one is malformed */
export function parsePax(bytes: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    if (space < 0 || !Number.isSafeInteger(length) || length < 5 || at + length > bytes.length) {
      throw new Error("an extended header is malformed");
    }
    const record = bytes.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    if (equals > 0) found[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return found;
}
