/** Something open that can be ended at once. */
export type Cuttable = { cut(): void };

/** What is open, by key. */
export class Tracker {
  readonly #open = new Map<string, Set<Cuttable>>();

  count(key: string): number {
    return this.#open.get(key)?.size ?? 0;
  }

  add(key: string, one: Cuttable): void {
    const all = this.#open.get(key);
    if (all === undefined) this.#open.set(key, new Set([one]));
    else all.add(one);
  }

  remove(key: string, one: Cuttable): void {
    const all = this.#open.get(key);
    if (all?.delete(one) && all.size === 0) this.#open.delete(key);
  }

  /** @returns how many were open */
  cut(key: string): number {
    const all = [...(this.#open.get(key) ?? [])];
    for (const one of all) one.cut();
    return all.length;
  }
}
