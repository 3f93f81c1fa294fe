/** The guest layer under the name of its content: what machines lie on must not change when the checkout is built anew. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join, relative } from "node:path";
import { guestLayersInUse } from "@sandlot/storage";

/**
 * Copies the built layer to `<artifacts>/guest/<hash>`, whole or not at all, owned by root; costs the hashing of some
 * 110 MB, 0.1 s, when it is there already. Copied and not linked: the build may write into its files. The node removes
 * layers that no machine uses any more.
 * @returns the directory
 */
export function installGuestLayer(of: { from: string; artifacts: string }): string {
  const home = join(of.artifacts, "guest");
  const at = join(home, hashLayer(of.from));
  if (existsSync(at)) return at;
  mkdirSync(home, { recursive: true, mode: 0o755 });
  const fresh = join(home, `.new-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  copyTree(of.from, fresh);
  renameSync(fresh, at);
  return at;
}

/** For an installation without machines: keeps the layer that the next start will most likely want, and those of paused sandboxes. */
export async function keepNeededGuestLayers(of: { artifacts: string; keep: string | undefined }): Promise<void> {
  const home = join(of.artifacts, "guest");
  const inUse = await guestLayersInUse(of.artifacts).catch(() => undefined);
  if (inUse === undefined) return; // a damaged record: it may name any of them
  for (const name of existsSync(home) ? readdirSync(home) : [])
    if (join(home, name) !== of.keep && !inUse.has(join(home, name)))
      rmSync(join(home, name), { recursive: true, force: true });
}

/** Of names, modes and contents; half of a SHA-256 in hex. */
function hashLayer(root: string): string {
  const hash = createHash("sha256");
  for (const path of walk(root)) {
    const { mode } = statSync(path);
    hash.update(`${relative(root, path)}\0${(mode & 0o7777).toString(8)}\0`);
    if (statSync(path).isFile()) hash.update(readFileSync(path));
    hash.update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}

/** Directories before what is in them, in the order of their names. */
function walk(dir: string): string[] {
  const names = readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    dir,
    ...names.flatMap((entry) => (entry.isDirectory() ? walk(join(dir, entry.name)) : [join(dir, entry.name)])),
  ];
}

function copyTree(from: string, to: string): void {
  for (const path of walk(from)) {
    const target = join(to, relative(from, path));
    const stat = statSync(path);
    if (stat.isDirectory()) mkdirSync(target);
    else copyFileSync(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chownSync(target, 0, 0);
    chmodSync(target, stat.isDirectory() ? 0o755 : stat.mode & 0o7777);
    // A rename may reach the disk before the content does, and half an envd would count as a whole one for ever.
    if (stat.isFile()) flush(target);
  }
}

function flush(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
