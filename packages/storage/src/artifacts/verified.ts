/**
 * Which files are known to hold what their manifest says, so that a restart does not read half a gigabyte again. A marker
 * names the very file (device, inode, size, time of change): one that was written anew is another file.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { hashFile, isAbsent, writeWhole } from "../durable";
import { storageFaults } from "../faults";
import { SHA256 } from "../names";
import type { Layout } from "./layout";

type Expected = { readonly sha256: string; readonly sizeBytes: number };

export class Verified {
  readonly #layout: Layout;
  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /**
   * Takes the content on trust: who wrote the file hashed what it wrote. Never fails: without a marker, for want of room, say,
   * the file is read once more.
   */
  async trust(path: string, sha256: string): Promise<void> {
    await this.#mark(path, sha256).catch(() => undefined);
  }

  async #mark(path: string, sha256: string): Promise<void> {
    await writeWhole(this.#marker(path), `${sha256} ${await identityOf(path)} ${relative(this.#layout.root, path)}\n`);
  }

  /**
   * Cheap for a file seen before, else reads it whole.
   * @throws Fault `storage_missing`, `storage_corrupt`
   */
  async require(path: string, expected: Expected, signal?: AbortSignal): Promise<void> {
    const key = relative(this.#layout.root, path);
    const found = await stat(path).catch((thrown: unknown) => {
      throw isAbsent(thrown) ? storageFaults.missing({ key }, thrown) : thrown;
    });
    if (expected.sizeBytes >= 0 && found.size !== expected.sizeBytes)
      throw storageFaults.corrupt({ key, reason: `${found.size} bytes, and not ${expected.sizeBytes}` });
    // Version 1 could name a layer by something else than its content; there is nothing to compare it with then.
    if (!SHA256.test(expected.sha256)) return;
    const identity = await identityOf(path);
    const marker = await readFile(this.#marker(path), "utf8").catch(() => "");
    if (marker.startsWith(`${expected.sha256} ${identity} `)) return;
    const { sha256 } = await hashFile(path, signal);
    if (sha256 !== expected.sha256) throw storageFaults.corrupt({ key, reason: `its SHA-256 is ${sha256}` });
    await this.trust(path, sha256);
  }

  /** Drops markers of files that are gone. */
  async prune(): Promise<void> {
    for (const name of await readdir(this.#layout.verified)) {
      const marker = join(this.#layout.verified, name);
      const key = (await readFile(marker, "utf8").catch(() => "")).trim().split(" ")[2];
      const isThere =
        key !== undefined && (await stat(join(this.#layout.root, key)).catch(() => undefined)) !== undefined;
      if (!isThere) await rm(marker, { force: true });
    }
  }

  #marker(path: string): string {
    const key = relative(this.#layout.root, path);
    return join(this.#layout.verified, createHash("sha256").update(key).digest("hex").slice(0, 32));
  }
}

async function identityOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}
