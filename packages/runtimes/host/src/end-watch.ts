/** Notices that a machine has ended, whoever ended it: through the kernel, since it is not our child. */
import { type FSWatcher, watch } from "node:fs";
import { every } from "@sandlot/lifetime";

export class EndWatch {
  readonly #watchers: FSWatcher[] = [];
  readonly #poll: AsyncDisposable;

  /** @param of.look called when something may have happened, and with `lookMs` of rest between in any case */
  constructor(of: { paths: readonly string[]; lookMs: number; look: () => void }) {
    for (const path of of.paths) {
      try {
        const watcher = watch(path, { persistent: false }, of.look);
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Gone already, or out of watches: the slow look remains.
      }
    }
    this.#poll = every(
      of.lookMs,
      async () => of.look(),
      () => undefined,
    );
  }

  stop(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    void this.#poll[Symbol.asyncDispose]();
  }
}
