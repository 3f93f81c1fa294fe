import type { LoadedBuild } from "@sandlot/storage";

/** Files of builds that somebody has just loaded and not yet written down anywhere. */
export class Pins {
  readonly #held = new Set<LoadedBuild>();

  hold(build: LoadedBuild): Disposable {
    const own = { ...build }; // one entry per holder
    this.#held.add(own);
    return { [Symbol.dispose]: () => void this.#held.delete(own) };
  }

  get held(): readonly LoadedBuild[] {
    return [...this.#held];
  }
}
