/** GET /files: one file's bytes, gzipped or as they are, whole or in part. behaviour.md §2.3 "GET /files". */
import { closeSync } from "node:fs";
import { basename } from "node:path";
import type { Envd } from "../envd";
import type { User } from "../users";
import { inlineDisposition, SNIFF_BYTES, sniffType, typeByExtension } from "./content-type";
import { allowsIdentity, type Coding, chooseCoding } from "./encodings";
import { gzipped, isWorthGzip } from "./gzip";
import { GZIP_TRIAL_BYTES, WHOLE_ANSWER_BYTES } from "./limits";
import { multipartRanges } from "./multipart-ranges";
import { type OpenFile, openForReading } from "./open-file";
import { type ByteRange, planAnswer } from "./ranges";
import { bodyOf, readRange, readUnsized, streamRange, streamUpTo } from "./read-file";
import { fileUser, pathFor } from "./request";
import { checkFileAccess } from "./signature";

type Download = {
  readonly request: Request;
  readonly file: OpenFile;
  readonly user: User;
  readonly path: string;
  readonly coding: Coding;
  readonly headers: Headers;
  /** Set once the body owns the descriptor and closes it. */
  isHandedOver: boolean;
};

export async function downloadFile(request: Request, query: URLSearchParams, envd: Envd): Promise<Response> {
  const { headers } = request;
  checkFileAccess({ headers, query, operation: "read", token: envd.state.accessToken, nowMs: Date.now() });
  const user = fileUser(query.get("username"), envd);
  const path = pathFor(user, query.get("path") ?? "", envd);
  const coding = chooseCoding(headers);
  if (coding === undefined) return notAcceptable();
  const file = openForReading(user, path);
  const answer = new Headers({ vary: "Accept-Encoding", "content-disposition": inlineDisposition(basename(path)) });
  const download: Download = { request, file, user, path, coding, headers: answer, isHandedOver: false };
  try {
    return await answerFile(download);
  } finally {
    if (!download.isHandedOver) closeSync(file.fd);
  }
}

function handOver(of: Download, chunks: AsyncGenerator<Buffer>): ReadableStream<Uint8Array> {
  of.isHandedOver = true;
  return bodyOf({ chunks, fd: of.file.fd, signal: of.request.signal });
}

async function answerFile(of: Download): Promise<Response> {
  const sizeBytes = Number(of.file.stat.size);
  if (sizeBytes === 0) return answerUnsized(of);
  if (of.request.method === "HEAD") return answerHead(of);
  const whole: ByteRange = { from: 0, length: sizeBytes };
  if (of.coding === "gzip" && (await isWorthIt(of, sizeBytes))) {
    of.headers.set("content-type", typeByExtension(of.path) ?? "application/octet-stream");
    of.headers.set("content-encoding", "gzip");
    return new Response(handOver(of, gzipped(streamUpTo(of.file.fd, whole))), { headers: of.headers });
  }
  const mtimeMs = Number(of.file.stat.mtimeMs);
  of.headers.set("accept-ranges", "bytes");
  of.headers.set("last-modified", new Date(mtimeMs).toUTCString());
  const plan = planAnswer({ headers: of.request.headers, sizeBytes, mtimeMs });
  if (plan.answer === "not_modified") return new Response(null, { status: 304, headers: of.headers });
  if (plan.answer === "precondition_failed") return new Response(null, { status: 412, headers: of.headers });
  if (plan.answer === "unsatisfiable") return unsatisfiable(of.headers, sizeBytes);
  const type = await typeOf(of);
  const [only, ...more] = plan.answer === "parts" ? plan.ranges : [whole];
  if (only === undefined || more.length > 0) {
    const parts = multipartRanges({ fd: of.file.fd, ranges: only ? [only, ...more] : [], type, sizeBytes });
    of.headers.set("content-type", parts.type);
    return new Response(handOver(of, parts.chunks), { status: 206, headers: of.headers });
  }
  of.headers.set("content-type", type);
  const isPart = plan.answer === "parts";
  if (isPart) of.headers.set("content-range", `bytes ${only.from}-${only.from + only.length - 1}/${sizeBytes}`);
  const init = { status: isPart ? 206 : 200, headers: of.headers };
  if (only.length <= WHOLE_ANSWER_BYTES) return new Response(await readRange(of.file.fd, only), init);
  return new Response(handOver(of, streamRange(of.file.fd, only)), init);
}

async function isWorthIt(of: Download, sizeBytes: number): Promise<boolean> {
  if (sizeBytes <= WHOLE_ANSWER_BYTES || !allowsIdentity(of.request.headers)) return true;
  return isWorthGzip(await readRange(of.file.fd, { from: 0, length: GZIP_TRIAL_BYTES }));
}

/** A file that says it has no bytes: truly empty, or one of /proc, whose content only reading shows. */
function answerUnsized(of: Download): Response {
  const { fd } = of.file;
  const first = Buffer.from(readUnsized(fd, of.user));
  of.headers.set("content-type", typeByExtension(of.path) ?? sniffType(first));
  if (first.length === 0 || of.request.method === "HEAD") return new Response("", { headers: of.headers });
  const second = Buffer.from(readUnsized(fd, of.user));
  if (second.length === 0) return new Response(first, { headers: of.headers });
  return new Response(handOver(of, unsizedChunks(of, [first, second])), { headers: of.headers });
}

async function* unsizedChunks(of: Download, begun: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* begun;
  for (;;) {
    const chunk = Buffer.from(readUnsized(of.file.fd, of.user));
    if (chunk.length === 0) return;
    yield chunk;
  }
}

async function answerHead(of: Download): Promise<Response> {
  of.headers.set("content-type", await typeOf(of));
  of.headers.set("content-length", String(of.file.stat.size));
  of.headers.set("last-modified", new Date(Number(of.file.stat.mtimeMs)).toUTCString());
  return new Response(null, { headers: of.headers });
}

async function typeOf(of: Download): Promise<string> {
  return typeByExtension(of.path) ?? sniffType(await readRange(of.file.fd, { from: 0, length: SNIFF_BYTES }));
}

function notAcceptable(): Response {
  const message = "no acceptable encoding found, supported: [gzip]";
  return Response.json({ code: 406, message }, { status: 406, headers: { vary: "Accept-Encoding" } });
}

function unsatisfiable(headers: Headers, sizeBytes: number): Response {
  headers.set("content-range", `bytes */${sizeBytes}`);
  headers.delete("last-modified");
  return Response.json({ code: 416, message: "invalid range: failed to overlap" }, { status: 416, headers });
}
