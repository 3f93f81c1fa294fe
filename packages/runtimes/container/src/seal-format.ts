/** What a seal's `memory/` holds: the large images as CRIU wrote them, all small ones in one file. */

/** First part: ours, second: the processor the processes ran on. Raise the number when an older reader could not restore. */
export const SEAL_FORMAT = `sandlot-criu-1/${process.arch}`;
export const PACK_NAME = "images.pack";
/** Images up to this size go into the pack. */
export const PACKED_BYTES = 256 * 1024;

const MAGIC = "sandlot-images-1\n";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export type Image = { readonly name: string; readonly bytes: Uint8Array };

/** Pure. A line of magic, a line of JSON with names and sizes, then the bytes. */
export function packImages(images: readonly Image[]): Uint8Array {
  const index = images.map(({ name, bytes }) => [name, bytes.length]);
  return Buffer.concat([Buffer.from(`${MAGIC}${JSON.stringify(index)}\n`), ...images.map(({ bytes }) => bytes)]);
}

/** Pure. The images' bytes are views of `pack`; undefined when it is not what `packImages` made. */
export function unpackImages(pack: Uint8Array): Image[] | undefined {
  const bytes = Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength);
  if (bytes.subarray(0, MAGIC.length).toString("latin1") !== MAGIC) return undefined;
  const end = bytes.indexOf("\n", MAGIC.length);
  if (end < 0) return undefined;
  const index = readIndex(bytes.subarray(MAGIC.length, end).toString());
  if (index === undefined) return undefined;
  const images: Image[] = [];
  let at = end + 1;
  for (const [name, size] of index) {
    images.push({ name, bytes: bytes.subarray(at, at + size) });
    at += size;
  }
  return at === bytes.length ? images : undefined;
}

function readIndex(text: string): [string, number][] | undefined {
  try {
    const index: unknown = JSON.parse(text);
    const isEntry = (entry: unknown): entry is [string, number] =>
      Array.isArray(entry) && isImageName(entry[0]) && Number.isSafeInteger(entry[1]) && entry[1] >= 0;
    return Array.isArray(index) && index.every(isEntry) ? index : undefined;
  } catch {
    return undefined;
  }
}

/** A name that cannot leave its directory. */
export function isImageName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
}
