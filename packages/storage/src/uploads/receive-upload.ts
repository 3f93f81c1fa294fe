/** Serves the links that `upload-links.ts` makes for a directory. */
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "@sandlot/config";
import { isFault } from "@sandlot/faults";
import { asFault } from "../durable";
import { storageFaults } from "../faults";
import type { ObjectStore } from "../object-store";
import { type Allowed, checkUploadLink } from "./upload-links";

/**
 * Takes a body to its object: whole, or not at all. What is longer than allowed is cut off as soon as it is.
 * @param of.scratch a directory for what has not come whole yet
 * @throws Fault `storage_too_large`, `storage_cut_off` when fewer bytes come than were announced, `storage_disk_full`
 */
export async function receiveUpload(
  of: {
    store: ObjectStore;
    scratch: string;
    allowed: Allowed;
    body: AsyncIterable<Uint8Array>;
    /** `Content-Length`; absent for a body of unknown length. */
    announcedBytes?: number | undefined;
  },
  signal: AbortSignal,
): Promise<{ sizeBytes: number }> {
  const { key, maxBytes } = of.allowed;
  if ((of.announcedBytes ?? 0) > maxBytes) throw storageFaults.too_large({ maxBytes });
  await mkdir(of.scratch, { recursive: true, mode: 0o700 });
  const draft = join(of.scratch, crypto.randomUUID());
  let sizeBytes = 0;
  try {
    {
      await using file = await open(draft, "wx", 0o600);
      for await (const piece of of.body) {
        signal.throwIfAborted();
        sizeBytes += piece.length;
        if (sizeBytes > maxBytes) throw storageFaults.too_large({ maxBytes });
        await file.writeFile(piece);
      }
    }
    if (of.announcedBytes !== undefined && of.announcedBytes !== sizeBytes)
      throw storageFaults.cut_off({ sizeBytes, announcedBytes: of.announcedBytes });
    await of.store.putFile({ key, path: draft }, signal);
    return { sizeBytes };
  } catch (thrown) {
    throw asFault(thrown, of.scratch);
  } finally {
    await rm(draft, { force: true });
  }
}

export type UploadDoor = {
  readonly store: ObjectStore;
  readonly scratch: string;
  readonly secret: Secret;
  readonly nowMs?: () => number;
};

/** The same as a handler of Fetch's types: 200, or 400, 403, 411, 413, 507 with a line of text. */
export async function handleUpload(door: UploadDoor, request: Request): Promise<Response> {
  if (request.method !== "PUT") return new Response("only PUT\n", { status: 405, headers: { Allow: "PUT" } });
  const length = request.headers.get("content-length");
  if (length !== null && !/^\d{1,15}$/.test(length)) return new Response("bad Content-Length\n", { status: 400 });
  try {
    const query = new URL(request.url).searchParams;
    const allowed = checkUploadLink({ query, secret: door.secret, nowMs: (door.nowMs ?? Date.now)() });
    const body = (request.body ?? []) as AsyncIterable<Uint8Array>;
    const announcedBytes = length === null ? undefined : Number(length);
    const parts = { store: door.store, scratch: door.scratch, allowed, body, announcedBytes };
    await receiveUpload(parts, request.signal);
    return new Response(null, { status: 200 });
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown;
    return new Response(`${thrown.message}\n`, { status: STATUS[thrown.kind] ?? 500 });
  }
}

const STATUS: Readonly<Record<string, number>> = {
  invalid: 400,
  forbidden: 403,
  too_large: 413,
  disk_full: 507,
  unavailable: 503,
};
