/** Big objects to files; a connection that breaks is taken up where it broke. */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { sleep } from "@sandlot/lifetime";
import { storageFaults } from "../faults";
import { translate } from "./s3-faults";

const BREAKS_ALLOWED = 4;
const REST_MS = 200;

type Download = { client: S3Client; where: { Bucket: string; Key: string }; path: string };

/** Whole at `path` or not at all. Not synced: the caller knows when that is worth it. */
export async function download(of: Download, signal: AbortSignal): Promise<void> {
  const draft = `${of.path}.part`;
  try {
    await using file = await open(draft, "w", 0o644);
    await fill(of, file, signal);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw translate(thrown, of.where.Key, signal);
  }
  await rename(draft, of.path);
}

async function fill(of: Download, file: FileHandle, signal: AbortSignal): Promise<void> {
  const state: Progress = { received: 0, total: undefined, etag: undefined };
  for (let breaks = 0; ; breaks += 1) {
    const broken = await readOn(of, file, state, signal);
    if (broken === undefined) return;
    if (breaks >= BREAKS_ALLOWED) throw broken;
    await sleep(REST_MS * 2 ** breaks, signal);
  }
}

type Progress = { received: number; total: number | undefined; etag: string | undefined };

/** @returns why it stopped before the end */
async function readOn(
  of: Download,
  file: FileHandle,
  state: Progress,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const { etag, received } = state;
  const rest = received === 0 ? {} : { Range: `bytes=${received}-`, ...(etag === undefined ? {} : { IfMatch: etag }) };
  const answer = await of.client.send(new GetObjectCommand({ ...of.where, ...rest }), { abortSignal: signal });
  state.total ??= answer.ContentLength;
  state.etag ??= answer.ETag;
  const reason = (): string => `${state.received} of ${state.total} bytes of '${of.where.Key}' came`;
  try {
    for await (const piece of (answer.Body ?? []) as AsyncIterable<Uint8Array>) {
      await file.write(piece, 0, piece.length, state.received);
      state.received += piece.length;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    return storageFaults.unreachable({ reason: `${reason()}: ${(thrown as Error).message}` }, thrown);
  }
  if (state.total !== undefined && state.received !== state.total)
    return storageFaults.unreachable({ reason: reason() });
  return undefined;
}
