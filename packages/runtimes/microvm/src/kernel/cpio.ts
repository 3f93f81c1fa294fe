/** Archives in the form the kernel unpacks into its first root: "newc" of cpio(5), uncompressed. */

export type ArchiveEntry =
  | { readonly kind: "file"; readonly name: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly kind: "directory"; readonly name: string; readonly mode: number }
  | { readonly kind: "link"; readonly name: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly name: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/** Pure. Directories must stand before what lies in them. Everything is root's, and of the year 1970. */
export function cpioArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts = entries.map((entry, index) => record(entry, index + 1));
  parts.push(record({ kind: "file", name: "TRAILER!!!", mode: 0, bytes: new Uint8Array() }, 0));
  return Buffer.concat(parts);
}

const TYPES = { file: 0o100000, directory: 0o040000, link: 0o120000, device: 0o020000 } as const;

function record(entry: ArchiveEntry, inode: number): Buffer {
  const name = Buffer.from(`${entry.name}\0`);
  const bytes =
    entry.kind === "file" ? entry.bytes : entry.kind === "link" ? Buffer.from(entry.target) : Buffer.alloc(0);
  const mode = entry.name === "TRAILER!!!" ? 0 : TYPES[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode);
  const [major, minor] = entry.kind === "device" ? [entry.major, entry.minor] : [0, 0];
  const links = entry.kind === "directory" ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, major, minor, name.length, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(head, "latin1"), name])), padded(Buffer.from(bytes))]);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
