/** Writing one upload: in one step when it is small, chunk by chunk otherwise, one writer per file at a time. */
import { closeSync, fchownSync, ftruncateSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import { KeyedLock } from "@sandlot/lifetime";
import { asUser, isErrno } from "@sandlot/linux";
import type { User } from "../users";
import { fileFault, fileFaults, withFileFaults } from "./faults";
import type { Chunks } from "./gzip";
import { WHOLE_WRITE_BYTES } from "./limits";
import { type Metadata, replaceMetadata } from "./metadata";
import { type OpenFile, openForWriting } from "./open-file";

const writeAsync = promisify(write);

/** Two uploads to one file follow each other, so the file is always one of them whole. Keyed by device and inode. */
const writers = new KeyedLock();

export type Upload = {
  readonly user: User;
  readonly path: string;
  readonly metadata: Metadata;
  readonly chunks: Chunks;
  /** For the message when the disk is full; undefined when the sender did not say. */
  readonly announcedBytes: number | undefined;
};

/**
 * Writes the body to the path, as the user. Content and metadata are replaced; a new file is made with its parents.
 * @throws Fault `files_*`; what the body throws, as it is. The file then holds what had come until then.
 */
export async function writeUpload(upload: Upload): Promise<void> {
  const source = upload.chunks[Symbol.asyncIterator]();
  const begun = await collect(source);
  const file = openForWriting(upload.user, upload.path);
  try {
    const key = `${file.stat.dev}:${file.stat.ino}`;
    await writers.run(key, () => replaceContent(upload, file, { ...begun, source }));
  } catch (thrown) {
    throw translate(thrown, upload);
  } finally {
    closeSync(file.fd);
  }
}

type Begun = { readonly chunks: readonly Uint8Array[]; readonly isWhole: boolean };

async function collect(source: AsyncIterator<Uint8Array>): Promise<Begun> {
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; bytes <= WHOLE_WRITE_BYTES; ) {
    const { value, done } = await source.next();
    if (done) return { chunks, isWhole: true };
    chunks.push(value);
    bytes += value.length;
  }
  return { chunks, isWhole: false };
}

async function replaceContent(
  upload: Upload,
  file: OpenFile,
  body: Begun & { source: AsyncIterator<Uint8Array> },
): Promise<void> {
  prepare(upload, file);
  let at = 0;
  for (const chunk of body.chunks) at = writeNow(file.fd, chunk, at);
  if (body.isWhole) return;
  for (;;) {
    const { value, done } = await body.source.next();
    if (done) return;
    at = await writeLater(file.fd, value, at);
  }
}

/** Under the user's identity, so that emptying a set-uid file of another drops the bit as it does for the user. */
function prepare(upload: Upload, file: OpenFile): void {
  withFileFaults({ path: upload.path, user: upload.user.name }, () =>
    asUser(upload.user, () => {
      own(file, upload.user);
      ftruncateSync(file.fd, 0);
      replaceMetadata(file.fd, upload.metadata);
    }),
  );
}

/** An existing file becomes the user's where the user may do that; otherwise its owner stays. */
function own(file: OpenFile, user: User): void {
  const { uid, gid } = file.stat;
  if (Number(uid) === user.uid && Number(gid) === user.gid) return;
  try {
    fchownSync(file.fd, user.uid, user.gid);
  } catch (thrown) {
    if (!isErrno(thrown, "EPERM")) throw thrown;
  }
}

function writeNow(fd: number, chunk: Uint8Array, at: number): number {
  let done = 0;
  while (done < chunk.length) done += writeSync(fd, chunk, done, chunk.length - done, at + done);
  return at + done;
}

async function writeLater(fd: number, chunk: Uint8Array, at: number): Promise<number> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await writeAsync(fd, chunk, done, chunk.length - done, at + done);
    done += bytesWritten;
  }
  return at + done;
}

function translate(thrown: unknown, upload: Upload): unknown {
  if (isErrno(thrown, "ENOSPC", "EDQUOT")) return fileFaults.no_space({ sizeBytes: upload.announcedBytes });
  return fileFault(thrown, { path: upload.path, user: upload.user.name });
}
