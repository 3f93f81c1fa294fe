/** File metadata: `X-Metadata-*` headers of an upload, kept as `user.e2b.*` extended attributes. behaviour.md §2.3. */
import { getXattr, isErrno, listXattrs, removeXattr, setXattr, type XattrTarget } from "@sandlot/linux";
import { fileFaults } from "./faults";

export const METADATA_NAMESPACE = "user.e2b.";
const HEADER_PREFIX = "x-metadata-";
const MAX_KEY_BYTES = 246;
const MAX_TOTAL_BYTES = 4096;
const PRINTABLE = /^[\x20-\x7e]*$/;

export type Metadata = Readonly<Record<string, string>>;

/** @throws Fault `files_metadata` */
export function metadataOfHeaders(headers: Headers): Metadata {
  const metadata: Record<string, string> = {};
  let totalBytes = 0;
  for (const [name, value] of headers) {
    if (!name.startsWith(HEADER_PREFIX)) continue;
    const key = name.slice(HEADER_PREFIX.length);
    const problem = problemOf(key, value);
    if (problem !== undefined) throw fileFaults.metadata({ problem });
    totalBytes += METADATA_NAMESPACE.length + key.length + value.length;
    metadata[key] = value;
  }
  if (totalBytes > MAX_TOTAL_BYTES) {
    throw fileFaults.metadata({ problem: `${totalBytes} bytes in total, at most ${MAX_TOTAL_BYTES} are allowed` });
  }
  return metadata;
}

function problemOf(key: string, value: string): string | undefined {
  if (key === "") return "a key must not be empty";
  if (key.length > MAX_KEY_BYTES) return `key '${key.slice(0, 32)}…' is longer than ${MAX_KEY_BYTES} bytes`;
  if (!PRINTABLE.test(key)) return "a key may hold printable ASCII only";
  if (!PRINTABLE.test(value)) return `the value of '${key}' may hold printable ASCII only`;
  return undefined;
}

/** All `user.e2b.*` attributes, prefix stripped; none when the caller may not see them or the file system has none. */
export function readMetadata(target: XattrTarget): Metadata {
  try {
    const keys = listXattrs(target).filter((name) => name.startsWith(METADATA_NAMESPACE));
    const pairs = keys.map((name) => [name.slice(METADATA_NAMESPACE.length), getXattr(target, name)] as const);
    return Object.fromEntries(pairs.flatMap(([key, value]) => (value ? [[key, value.toString("utf8")]] : [])));
  } catch (thrown) {
    if (isErrno(thrown, "EACCES", "EPERM", "ENOENT", "ENOTDIR")) return {};
    throw thrown;
  }
}

/** Makes the file's metadata exactly `metadata`; a file system without extended attributes is passed over silently. */
export function replaceMetadata(fd: number, metadata: Metadata): void {
  try {
    for (const name of listXattrs(fd)) {
      const isStale = name.startsWith(METADATA_NAMESPACE) && !(name.slice(METADATA_NAMESPACE.length) in metadata);
      if (isStale) removeXattr(fd, name);
    }
    for (const [key, value] of Object.entries(metadata)) setXattr(fd, METADATA_NAMESPACE + key, Buffer.from(value));
  } catch (thrown) {
    if (!isErrno(thrown, "ENOTSUP", "EOPNOTSUPP", "ENOSYS")) throw thrown;
  }
}
