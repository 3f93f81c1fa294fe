/** Objects as files of a directory. */
import { constants, createWriteStream } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { asFault, isAbsent, syncPath, writeDurably } from "../durable";
import { storageFaults } from "../faults";
import { requireKey } from "../names";
import type { ObjectStore, StoredObject } from "../object-store";

/** Drafts lie beside what they become, under a name that no key can have. */
const DRAFT = ".draft-";

export async function openLocalObjectStore(of: { directory: string }): Promise<ObjectStore> {
  const root = resolve(of.directory);
  await mkdir(root, { recursive: true, mode: 0o755 });
  const pathOf = (key: string): string => join(root, requireKey(key));

  async function place(key: string, write: (draft: string) => Promise<void>): Promise<void> {
    const target = pathOf(key);
    const home = dirname(target);
    const draft = join(home, `${DRAFT}${crypto.randomUUID()}`);
    try {
      await mkdir(home, { recursive: true, mode: 0o755 });
      await write(draft);
      await rename(draft, target);
      await syncPath(home);
    } catch (thrown) {
      await rm(draft, { force: true });
      throw asFault(thrown, root);
    }
  }

  return {
    kind: "local",
    name: `file://${root}`,
    putFile: ({ key, path }, signal) =>
      place(key, async (draft) => {
        signal.throwIfAborted();
        await copyFile(path, draft, constants.COPYFILE_FICLONE);
        await syncPath(draft);
      }),
    putStream: ({ key, bytes }, signal) =>
      place(key, async (draft) => {
        await pipeline(bytes, createWriteStream(draft), { signal }).catch((thrown) => {
          throw signal.aborted ? signal.reason : thrown;
        });
        await syncPath(draft);
      }).finally(() => bytes.destroy()),
    putBytes: ({ key, bytes }, signal) =>
      place(key, async (draft) => {
        signal.throwIfAborted();
        await writeDurably(draft, bytes);
      }),
    async getFile({ key, path }, signal) {
      signal.throwIfAborted();
      const draft = `${path}.part`;
      try {
        await copyFile(pathOf(key), draft, constants.COPYFILE_FICLONE);
        await rename(draft, path);
      } catch (thrown) {
        await rm(draft, { force: true });
        throw isAbsent(thrown) ? storageFaults.missing({ key }, thrown) : asFault(thrown, path);
      }
    },
    async getBytes(key, signal) {
      signal.throwIfAborted();
      return await readFile(pathOf(key)).catch((thrown: unknown) => {
        throw isAbsent(thrown) ? storageFaults.missing({ key }, thrown) : thrown;
      });
    },
    async head(key, signal) {
      signal.throwIfAborted();
      const found = await stat(pathOf(key)).catch((thrown: unknown) => {
        if (isAbsent(thrown)) return undefined;
        throw thrown;
      });
      return found?.isFile() ? { key, sizeBytes: found.size, changedAtMs: found.mtimeMs } : undefined;
    },
    async remove(key, signal) {
      signal.throwIfAborted();
      await rm(pathOf(key), { force: true });
    },
    uploadLink: async () => undefined,
    list: (prefix, signal) => walk({ root, prefix, signal }),
    async [Symbol.asyncDispose]() {},
  };
}

/** In the order of keys, as the other stores answer. */
async function* walk(of: { root: string; prefix: string; signal: AbortSignal }): AsyncGenerator<StoredObject> {
  const slash = of.prefix.lastIndexOf("/");
  const from = slash < 0 ? of.root : join(of.root, requireKey(of.prefix.slice(0, slash)));
  const entries = await readdir(from, { recursive: true, withFileTypes: true }).catch((thrown: unknown) => {
    if (isAbsent(thrown)) return [];
    throw thrown;
  });
  const keys = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith(DRAFT))
    .map((entry) => relative(of.root, join(entry.parentPath, entry.name)))
    .filter((key) => key.startsWith(of.prefix))
    .sort();
  for (const key of keys) {
    of.signal.throwIfAborted();
    const found = await stat(join(of.root, key)).catch(() => undefined);
    if (found !== undefined) yield { key, sizeBytes: found.size, changedAtMs: found.mtimeMs };
  }
}
