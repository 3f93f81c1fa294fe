/** POST /files: one file as raw bytes, or several as multipart parts. behaviour.md §2.3 "POST /files". */
import { basename } from "node:path";
import type { Envd } from "../envd";
import type { User } from "../users";
import { fileFaults } from "./faults";
import type { Chunks } from "./gzip";
import { type Metadata, metadataOfHeaders } from "./metadata";
import { boundaryOf, readParts } from "./multipart";
import { fileUser, pathFor } from "./request";
import { uploadChunks } from "./request-body";
import { checkFileAccess } from "./signature";
import { writeUpload } from "./write-file";

/** One entry of the answer. Clients compare it as a whole: `metadata` is there only if there is any. */
export type UploadedEntry = { path: string; name: string; type: "file"; metadata?: Metadata };

type UploadCall = {
  readonly envd: Envd;
  readonly user: User;
  readonly chunks: Chunks;
  readonly path: string | null;
  readonly metadata: Metadata;
  readonly announcedBytes: number | undefined;
};

export async function uploadFiles(request: Request, query: URLSearchParams, envd: Envd): Promise<Response> {
  const { headers } = request;
  checkFileAccess({ headers, query, operation: "write", token: envd.state.accessToken, nowMs: Date.now() });
  const chunks = uploadChunks(request);
  const call: UploadCall = {
    envd,
    user: fileUser(query.get("username"), envd),
    path: query.get("path") || null,
    metadata: metadataOfHeaders(headers),
    chunks,
    announcedBytes: announcedBytesOf(headers),
  };
  try {
    const entries = await uploadByType(call, headers.get("content-type") ?? "");
    // No JSON content type: what clients have always been sent here.
    return new Response(JSON.stringify(entries));
  } finally {
    await chunks.return(undefined);
  }
}

async function uploadByType(call: UploadCall, contentType: string): Promise<UploadedEntry[]> {
  const mediaType = (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (mediaType === "application/octet-stream") return [await uploadRaw(call)];
  if (mediaType.startsWith("multipart/")) return uploadParts(call, boundaryOf(contentType));
  throw fileFaults.bad_request({ problem: `unsupported content type: ${contentType}` });
}

async function uploadRaw(call: UploadCall): Promise<UploadedEntry> {
  if (call.path === null) {
    throw fileFaults.bad_request({ problem: "path query parameter is required for raw body upload" });
  }
  return uploadOne(call, pathFor(call.user, call.path, call.envd), call.chunks);
}

/** Parts of another form name are skipped. A second part for the same path is refused; what was written stays. */
async function uploadParts(call: UploadCall, boundary: string): Promise<UploadedEntry[]> {
  const entries: UploadedEntry[] = [];
  const seen = new Set<string>();
  for await (const part of readParts(call.chunks, boundary)) {
    if (part.name !== "file") continue;
    const wanted = call.path ?? part.filename;
    if (!wanted)
      throw fileFaults.bad_request({ problem: "a file part has neither a filename nor a path in the query" });
    const path = pathFor(call.user, wanted, call.envd);
    if (seen.has(path)) {
      throw fileFaults.bad_request({ problem: `you cannot upload multiple files to the same path '${path}'` });
    }
    seen.add(path);
    entries.push(await uploadOne(call, path, part.chunks));
  }
  return entries;
}

async function uploadOne(call: UploadCall, path: string, chunks: Chunks): Promise<UploadedEntry> {
  const { user, metadata, announcedBytes } = call;
  await writeUpload({ user, path, metadata, chunks, announcedBytes });
  const entry: UploadedEntry = { path, name: basename(path), type: "file" };
  if (Object.keys(metadata).length > 0) entry.metadata = metadata;
  return entry;
}

function announcedBytesOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}
