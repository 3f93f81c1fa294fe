/** Files that are made once and then shared by many machines: composed disks, memories. Never changed after they are made. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import { identityOf, isThere } from "@sandlot/runtime-host";

export type TakenFile = { readonly path: string } & Disposable;

export class FileCache {
  readonly #dir: string;
  readonly #lock = new KeyedLock();
  /** Asked for and not yet written down in a machine's record: a trim leaves them alone. */
  readonly #asked = new Map<string, number>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes what an earlier run left half made. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir))
      if (name.startsWith(".")) await rm(join(this.#dir, name), { force: true });
  }

  /**
   * The file of that name, made by `make` when it is not there. Many who want the same wait for one. It is safe from `trim`
   * until the result is disposed of; by then a record must name it.
   */
  async take(name: string, make: (draft: string) => Promise<void>): Promise<TakenFile> {
    const path = join(this.#dir, name);
    this.#asked.set(path, (this.#asked.get(path) ?? 0) + 1);
    const letGo = (): void => {
      const others = (this.#asked.get(path) ?? 1) - 1;
      if (others === 0) this.#asked.delete(path);
      else this.#asked.set(path, others);
    };
    try {
      await this.#lock.run(path, () => this.#ensure(path, make));
    } catch (thrown) {
      letGo();
      throw thrown;
    }
    return { path, [Symbol.dispose]: letGo };
  }

  async #ensure(path: string, make: (draft: string) => Promise<void>): Promise<void> {
    const now = new Date();
    if (await isThere(path)) return utimes(path, now, now); // the time of its last use, for `trim`
    const draft = join(this.#dir, `.${randomUUID()}`);
    try {
      await make(draft);
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Removes what nobody uses, but for the `idle` used last. */
  async trim(inUse: ReadonlySet<string>, idle: number): Promise<void> {
    const found: { path: string; usedMs: number }[] = [];
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const path = join(this.#dir, name);
      if (name.startsWith(".") || inUse.has(path) || this.#asked.has(path)) continue;
      const about = await stat(path).catch(() => undefined);
      if (about !== undefined) found.push({ path, usedMs: about.mtimeMs });
    }
    found.sort((one, other) => other.usedMs - one.usedMs);
    for (const { path } of found.slice(idle)) await rm(path, { force: true });
  }
}

/** A name for what is made out of these files, as they are now: another file of the same path gives another name. */
export async function nameOfFiles(kind: string, paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(`${path}\0${identityOf(await stat(path, { bigint: true }))}\n`);
  return `${kind}-${hash.digest("hex").slice(0, 32)}.img`;
}
