/** The watch numbers of one tree and the directories they stand for, relative to its root. Pure bookkeeping. */

/** Raw bytes as a map key and back: latin1 keeps each byte. The root is "". */
export type RelativePath = string;

export class WatchedTree {
  readonly #pathOf = new Map<number, RelativePath>();
  readonly #watchOf = new Map<RelativePath, number>();

  get size(): number {
    return this.#pathOf.size;
  }

  /** An inode that was known under another name is known under this one from now on. */
  set(watch: number, path: RelativePath): void {
    const before = this.#pathOf.get(watch);
    if (before !== undefined && this.#watchOf.get(before) === watch) this.#watchOf.delete(before);
    this.#pathOf.set(watch, path);
    this.#watchOf.set(path, watch);
  }

  pathOf(watch: number): RelativePath | undefined {
    return this.#pathOf.get(watch);
  }

  has(path: RelativePath): boolean {
    return this.#watchOf.has(path);
  }

  /** Forgets one watch that the kernel has ended. */
  delete(watch: number): void {
    const path = this.#pathOf.get(watch);
    this.#pathOf.delete(watch);
    if (path !== undefined && this.#watchOf.get(path) === watch) this.#watchOf.delete(path);
  }

  /** Takes a directory and all below it out of the tree. Watches still run; put them back by `graft` or end them. */
  prune(path: RelativePath): ReadonlyMap<number, RelativePath> {
    const pruned = new Map<number, RelativePath>();
    for (const [watch, at] of this.#pathOf) {
      if (at === path || at.startsWith(`${path}/`)) pruned.set(watch, at.slice(path.length));
    }
    for (const watch of pruned.keys()) this.delete(watch);
    return pruned;
  }

  /** Puts back, under a new name, what `prune` gave. */
  graft(pruned: ReadonlyMap<number, RelativePath>, path: RelativePath): void {
    for (const [watch, suffix] of pruned) this.set(watch, path + suffix);
  }
}

export function childPath(parent: RelativePath, name: Buffer): RelativePath {
  const text = name.toString("latin1");
  return parent === "" ? text : `${parent}/${text}`;
}
