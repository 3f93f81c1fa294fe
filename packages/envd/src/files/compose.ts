/** POST /files/compose: several files become one, in order. behaviour.md §2.3 "POST /files/compose". */
import { type BigIntStats, closeSync, renameSync, unlinkSync, write } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { isFault } from "@sandlot/faults";
import { asUser, isErrno } from "@sandlot/linux";
import type { Envd } from "../envd";
import type { User } from "../users";
import { fileFault, fileFaults, withFileFaults } from "./faults";
import { CHUNK_BYTES, COMPOSE_BODY_BYTES } from "./limits";
import { type Metadata, readMetadata } from "./metadata";
import { makeNewFile, makeParents, openForReading } from "./open-file";
import { readRange } from "./read-file";
import { fileUser, pathFor } from "./request";
import { uploadChunks } from "./request-body";
import type { UploadedEntry } from "./upload";

const writeAsync = promisify(write);
const MAX_NAME_BYTES = 255;

type ComposeCall = { sources: string[]; destination: string; user: User };

export async function composeFiles(request: Request, envd: Envd): Promise<Response> {
  const call = await readCall(request, envd);
  const { user, destination } = call;
  for (const source of call.sources) checkSource(call, source);
  const temporary = temporaryFor(destination);
  withFileFaults({ path: destination, user: user.name }, () => asUser(user, () => makeParents(dirname(destination))));
  const fd = makeNewFile(user, temporary);
  let metadata: Metadata;
  try {
    try {
      let at = 0;
      for (const source of call.sources) at = await append(user, source, { fd, at });
      metadata = readMetadata(fd);
    } finally {
      closeSync(fd);
    }
    asUser(user, () => renameSync(temporary, destination));
  } catch (thrown) {
    removeIfThere(user, temporary);
    throw fileFault(thrown, { path: destination, user: user.name });
  }
  for (const source of call.sources) removeIfThere(user, source);
  const entry: UploadedEntry = { path: destination, name: basename(destination), type: "file" };
  if (Object.keys(metadata).length > 0) entry.metadata = metadata;
  return Response.json(entry);
}

async function readCall(request: Request, envd: Envd): Promise<ComposeCall> {
  const body = await readJson(request);
  const { source_paths: sources, destination, username } = body;
  if (!isPathList(sources)) throw fileFaults.bad_request({ problem: "source_paths must be a list of paths" });
  if (sources.length === 0) throw fileFaults.bad_request({ problem: "source_paths must not be empty" });
  if (typeof destination !== "string" || destination === "") {
    throw fileFaults.bad_request({ problem: "destination is required" });
  }
  const user = fileUser(typeof username === "string" ? username : undefined, envd);
  return {
    user,
    sources: sources.map((path) => pathFor(user, path, envd)),
    destination: pathFor(user, destination, envd),
  };
}

async function readJson(request: Request): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of uploadChunks(request)) {
    bytes += chunk.length;
    if (bytes > COMPOSE_BODY_BYTES) throw fileFaults.bad_request({ problem: "the body is too large" });
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // Answered below like any other body that is no object.
  }
  throw fileFaults.bad_request({ problem: "the body must be a JSON object" });
}

function isPathList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((path) => typeof path === "string" && path !== "");
}

/** All sources are looked at before anything is written. */
function checkSource(call: ComposeCall, source: string): void {
  const stat = openSource(call.user, source, (_, found) => found);
  const target = readTarget(call);
  const isSame =
    source === call.destination || (target !== undefined && stat.ino === target.ino && stat.dev === target.dev);
  if (isSame) throw fileFaults.bad_request({ problem: `source path '${source}' is the destination` });
}

/** The destination as it is now; a missing one, or one that is no regular file, is the rename's business. */
function readTarget(call: ComposeCall): BigIntStats | undefined {
  try {
    return openSource(call.user, call.destination, (_, stat) => stat);
  } catch (thrown) {
    if (isFault(thrown)) return undefined;
    throw thrown;
  }
}

function openSource<T>(user: User, path: string, look: (fd: number, stat: BigIntStats) => T): T {
  const file = openForReadingSource(user, path);
  try {
    return look(file.fd, file.stat);
  } finally {
    closeSync(file.fd);
  }
}

function openForReadingSource(user: User, path: string): ReturnType<typeof openForReading> {
  try {
    return openForReading(user, path);
  } catch (thrown) {
    if (isFault(thrown, "files_missing")) throw fileFaults.source_missing({ path });
    if (isFault(thrown, "files_is_directory")) throw fileFaults.not_regular({ path });
    throw thrown;
  }
}

async function append(user: User, source: string, to: { fd: number; at: number }): Promise<number> {
  const file = openForReadingSource(user, source);
  try {
    let at = to.at;
    for (let from = 0; ; ) {
      const chunk = await readRange(file.fd, { from, length: CHUNK_BYTES });
      if (chunk.length === 0) return at;
      from += chunk.length;
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await writeAsync(to.fd, chunk, done, chunk.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    }
  } finally {
    closeSync(file.fd);
  }
}

/** Beside the destination; a short name where the long one would not fit. */
function temporaryFor(destination: string): string {
  const suffix = `.e2b-compose.${crypto.randomUUID()}.tmp`;
  const isShort = Buffer.byteLength(basename(destination)) + suffix.length <= MAX_NAME_BYTES;
  return isShort ? destination + suffix : join(dirname(destination), suffix);
}

function removeIfThere(user: User, path: string): void {
  try {
    asUser(user, () => unlinkSync(path));
  } catch (thrown) {
    // The result is whole and in place: a source that cannot be removed is left, and must not fail the call.
    if (!isErrno(thrown, "ENOENT", "EACCES", "EPERM", "EROFS", "EBUSY")) throw thrown;
  }
}
