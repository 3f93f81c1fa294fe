/** Notices that a machine has ended, whoever ended it: through the kernel, since it is not our child. */
import { type FSWatcher, watch } from "node:fs";
import { every } from "@sandlot/lifetime";
import { limits } from "./limits";

export class EndWatch {
  readonly #watchers: FSWatcher[] = [];
  readonly #poll: AsyncDisposable;

  /** @param look called when something may have happened, and now and then */
  constructor(paths: readonly string[], look: () => void) {
    for (const path of paths) {
      try {
        const watcher = watch(path, { persistent: false }, look);
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Gone already, or out of watches: the slow look remains.
      }
    }
    this.#poll = every(
      limits.endPollMs,
      async () => look(),
      () => undefined,
    );
  }

  stop(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    void this.#poll[Symbol.asyncDispose]();
  }
}
