/** Takes the files of a COPY step into the build cache: whole and in order, or not at all. */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspectContext } from "@sandlot/storage";
import { apiFaults } from "../faults";
import { limits } from "../limits";
import type { UploadTarget } from "./upload-link";

/**
 * @param cacheDir root of the build cache; the file lies where its builder looks: `<team>/files/<hash>.tar`
 * @throws Fault `storage_bad_context` for what is no context, `api_bad_upload` when it is too large, cut off or of unknown length
 */
export async function receiveUpload(of: { request: Request; target: UploadTarget; cacheDir: string }): Promise<void> {
  const { request, target } = of;
  const length = request.headers.get("content-length");
  if (length === null || !/^\d{1,15}$/.test(length)) throw apiFaults.bad_upload({ why: "Content-Length is missing" });
  const announced = Number(length);
  if (announced > limits.uploadBytes) {
    throw apiFaults.bad_upload({ why: `it is larger than ${Math.round(limits.uploadBytes / 1024 ** 2)} MiB` });
  }
  if (request.body === null) throw apiFaults.bad_upload({ why: "it is empty" });
  const path = join(of.cacheDir, target.teamId, "files", `${target.hash}.tar`);
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${randomUUID()}.part`;
  try {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(limits.uploadMs)]);
    const written = await writeAndInspect({ body: request.body, part, signal });
    if (written !== announced) throw apiFaults.bad_upload({ why: "it was cut off" });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** What is written is looked through on the way, so that it is read once. */
async function writeAndInspect(of: {
  body: ReadableStream<Uint8Array>;
  part: string;
  signal: AbortSignal;
}): Promise<number> {
  const file = await open(of.part, "wx", 0o600);
  let written = 0;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of of.body) {
      await file.write(piece);
      written += piece.length;
      if (written > limits.uploadBytes) throw apiFaults.bad_upload({ why: "it is larger than announced" });
      yield piece;
    }
  }
  try {
    await inspectContext(pieces(), of.signal);
  } finally {
    await file.close();
  }
  return written;
}
