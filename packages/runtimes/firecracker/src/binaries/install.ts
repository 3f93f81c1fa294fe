/** Brings configured files into the node's directory, checked: what was checked is what runs, whatever lies at its origin later. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { digestOf, isThere } from "@sandlot/runtime-host";
import { firecrackerFaults } from "../faults";
import { limits } from "../limits";
import type { Pinned } from "./versions";

/**
 * @returns the path of `<dir>/<sha256>/<name>`, executable, never changed again
 * @throws Fault `firecracker_not_fetched`, `firecracker_wrong_checksum`
 */
export async function installPinned(of: {
  dir: string;
  name: string;
  pinned: Pinned;
  signal: AbortSignal;
}): Promise<string> {
  const { from, sha256 } = of.pinned;
  const home = join(of.dir, sha256);
  const path = join(home, of.name);
  if (await isThere(path)) return path;
  await mkdir(home, { recursive: true, mode: 0o755 });
  const draft = join(home, `.${of.name}.${randomUUID()}`);
  try {
    await (from.startsWith("/") ? copyFile(from, draft) : download(from, draft, of.signal)).catch((thrown) => {
      of.signal.throwIfAborted();
      throw firecrackerFaults.not_fetched({ from, reason: (thrown as Error).message }, thrown);
    });
    const found = await sha256Of(draft);
    if (found !== sha256) throw firecrackerFaults.wrong_checksum({ from, wanted: sha256, found });
    await chmod(draft, 0o755);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}

async function download(url: string, to: string, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(limits.fetchMs)]);
  const answer = await fetch(url, { signal: late });
  if (!answer.ok || answer.body === null) throw new Error(`the server answered ${answer.status}`);
  let sizeBytes = 0;
  const bound = new Transform({
    transform(chunk: Uint8Array, _, done) {
      sizeBytes += chunk.length;
      done(sizeBytes > limits.fetchBytes ? new Error(`it is longer than ${limits.fetchBytes} bytes`) : null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(answer.body as never), bound, createWriteStream(to), { signal: late });
}

async function sha256Of(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    return (await digestOf(file)).sha256;
  } finally {
    await file.close();
  }
}
