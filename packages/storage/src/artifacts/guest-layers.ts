/** Guest layers in the object store: one archive each, since they are directories whose modes matter. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hashFile, syncPath } from "../durable";
import { storageFaults } from "../faults";
import { KEYS, SHA256 } from "../names";
import type { ObjectStore } from "../object-store";
import type { Layout } from "./layout";

type GuestLayer = { readonly layout: Layout; readonly remote: ObjectStore; readonly name: string };

const checksumKey = (name: string): string => `${KEYS.guest(name)}.sha256`;

/** The checksum last: an archive without one is not there. */
export async function uploadGuestLayer({ layout, remote, name }: GuestLayer, signal: AbortSignal): Promise<void> {
  if ((await remote.head(checksumKey(name), signal)) !== undefined) return;
  const archive = join(layout.staging, crypto.randomUUID());
  try {
    const flags = ["--sort=name", "--numeric-owner", "--mtime=@0", "--format=gnu"];
    await tar(["-cf", archive, ...flags, "-C", layout.guestLayer(name), "."], KEYS.guest(name), signal);
    const { sha256 } = await hashFile(archive, signal);
    await remote.putFile({ key: KEYS.guest(name), path: archive }, signal);
    await remote.putBytes({ key: checksumKey(name), bytes: new TextEncoder().encode(`${sha256}\n`) }, signal);
  } finally {
    await rm(archive, { force: true });
  }
}

/** Whole, checked and synced before it gets its name. */
export async function fetchGuestLayer({ layout, remote, name }: GuestLayer, signal: AbortSignal): Promise<void> {
  const expected = new TextDecoder().decode(await remote.getBytes(checksumKey(name), signal)).trim();
  const key = KEYS.guest(name);
  if (!SHA256.test(expected)) throw storageFaults.corrupt({ key: checksumKey(name), reason: "it is no SHA-256" });
  const archive = join(layout.staging, crypto.randomUUID());
  const draft = `${archive}.d`;
  try {
    await remote.getFile({ key, path: archive }, signal);
    const { sha256 } = await hashFile(archive, signal);
    if (sha256 !== expected) throw storageFaults.corrupt({ key, reason: `its SHA-256 is ${sha256}` });
    await mkdir(draft, { mode: 0o755 });
    await tar(["-xpf", archive, "--numeric-owner", "-C", draft], key, signal);
    for (const entry of await readdir(draft, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await syncPath(join(entry.parentPath, entry.name));
    await rename(draft, layout.guestLayer(name));
    await syncPath(layout.guest);
  } finally {
    await rm(archive, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function tar(words: readonly string[], key: string, signal: AbortSignal): Promise<void> {
  const child = Bun.spawn(["tar", ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe", signal });
  const [exitCode, errors] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  signal.throwIfAborted();
  if (exitCode !== 0) throw storageFaults.corrupt({ key, reason: `tar: ${errors.trim().split("\n").at(-1)}` });
}
