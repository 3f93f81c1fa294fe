/** Shared files (layers, guest layers) that somebody works with right now, so that nobody removes them meanwhile. */
export class Holds {
  readonly #counts = new Map<string, number>();
  readonly #watches = new Set<Set<string>>();

  /** Until disposed of, `collect` leaves these paths alone. Take it before looking whether the file is there. */
  hold(paths: readonly string[]): Disposable {
    for (const path of paths) {
      this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
      for (const watch of this.#watches) watch.add(path);
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        for (const path of paths) this.#release(path);
      },
    };
  }

  /**
   * All that is held now or was since this call, also for a moment: who read the manifests before a commit must not take
   * away what that commit has found there, although its hold is over.
   */
  watch(): Disposable & { has(path: string): boolean } {
    const seen = new Set(this.#counts.keys());
    this.#watches.add(seen);
    return { has: (path) => seen.has(path), [Symbol.dispose]: () => void this.#watches.delete(seen) };
  }

  #release(path: string): void {
    const left = (this.#counts.get(path) ?? 1) - 1;
    if (left <= 0) this.#counts.delete(path);
    else this.#counts.set(path, left);
  }
}
