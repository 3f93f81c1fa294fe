/** Directories as read-only images, made once per content: what lies on top of every build, above all. */
import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import type { LayerRef } from "@sandlot/runtime-contract";
import { isThere } from "@sandlot/runtime-host";
import { runTool, uuidOf } from "../run-tool";

const making = new KeyedLock();
/** What a directory's files looked like when it was last read, and what image that gave: reading them all takes a second. */
const known = new Map<string, { readonly seen: string; readonly path: string }>();
/** Of a node: its own guest layer and those its sandboxes were sealed with. */
const MOST_KNOWN = 64;

/**
 * The image of a layer: of a directory one made in `cacheDir`, else the layer's own file.
 * @throws Fault `microvm_disk_failed`
 */
export async function ensureLayerImage(of: { layer: LayerRef; cacheDir: string }): Promise<string> {
  const { layer, cacheDir } = of;
  if (layer.kind !== "directory") return layer.path;
  return await making.run(layer.path, async () => {
    const seen = await lookOf(layer.path);
    const last = known.get(layer.path);
    if (last?.seen === seen && (await isThere(last.path))) return last.path;
    const path = join(cacheDir, `directory-${await contentOf(layer.path)}.erofs`);
    if (!(await isThere(path))) await writeImage(layer.path, path);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(layer.path, { seen, path });
    return path;
  });
}

async function writeImage(directory: string, path: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    const uuid = uuidOf(basename(path));
    // No times: the same files make the same bytes, which a restored guest holds half of in its memory.
    await runTool(["mkfs.erofs", "--quiet", "-T0", "-U", uuid, draft, directory]);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Of names, kinds and times: changes whenever a file is replaced. */
async function lookOf(root: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const { name, about } of entriesBelow(root))
    hash.update(
      `${name}\0${about.mode} ${about.uid} ${about.gid} ${about.size} ${about.mtimeMs} ${about.ctimeMs} ${about.ino}\0`,
    );
  return hash.digest("hex");
}

/** Another program may write the same files as other bytes, which a restored guest must not find below it. */
async function makerOf(): Promise<string> {
  const program = Bun.which("mkfs.erofs");
  return program === null
    ? ""
    : createHash("sha256")
        .update(await readFile(program))
        .digest("hex");
}

/** Of everything that gets into the image, but times, and of what makes it: the same name stands for the same bytes. */
async function contentOf(root: string): Promise<string> {
  const hash = createHash("sha256").update(await makerOf());
  for await (const { name, about } of entriesBelow(root)) {
    hash.update(`${name}\0${about.mode} ${about.uid} ${about.gid} ${about.rdev}\0`);
    if (about.isSymbolicLink()) hash.update(await readlink(join(root, name)));
    else if (about.isFile())
      hash.update(
        createHash("sha256")
          .update(await readFile(join(root, name)))
          .digest(),
      );
  }
  return hash.digest("hex").slice(0, 32);
}

async function* entriesBelow(root: string): AsyncGenerator<{ name: string; about: Awaited<ReturnType<typeof lstat>> }> {
  yield { name: ".", about: await lstat(root) };
  for (const name of (await readdir(root, { recursive: true })).sort())
    yield { name, about: await lstat(join(root, name)) };
}
