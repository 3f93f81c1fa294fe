/** A promise that can be raced against again and again without leaving anything behind on it. */

export class Latch {
  #isSet = false;
  readonly #waiting = new Set<() => void>();

  get isSet(): boolean {
    return this.#isSet;
  }

  set(): void {
    this.#isSet = true;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** The promise's result, or undefined when the latch is set first. */
  async orSet<T>(promise: Promise<T>): Promise<T | undefined> {
    if (this.#isSet) return undefined;
    let wake: () => void = () => undefined;
    const set = new Promise<undefined>((resolve) => {
      wake = () => resolve(undefined);
    });
    this.#waiting.add(wake);
    try {
      return await Promise.race([promise, set]);
    } finally {
      this.#waiting.delete(wake);
    }
  }
}
