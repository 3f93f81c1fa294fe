/** Watchers that outlive the request that made them; they end by RemoveWatcher or with envd. */
import { randomBytes } from "node:crypto";
import { watchFaults } from "./faults";
import { WATCHERS } from "./limits";
import type { OpenWatch } from "./open-watch";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_CHARACTERS = 20;

export class Watchers {
  readonly #byId = new Map<string, OpenWatch>();
  #streams = 0;

  /** @throws Fault `watch_too_many_watchers`; call before opening one */
  checkRoom(): void {
    if (this.#byId.size + this.#streams >= WATCHERS) throw watchFaults.too_many_watchers({ limit: WATCHERS });
  }

  /** Counts a stream's watch for as long as it is held. */
  countStream(): Disposable {
    this.#streams += 1;
    return {
      [Symbol.dispose]: () => {
        this.#streams -= 1;
      },
    };
  }

  keep(watch: OpenWatch): string {
    const id = newWatcherId();
    this.#byId.set(id, watch);
    return id;
  }

  /** @throws Fault `watch_unknown_watcher` */
  load(id: string): OpenWatch {
    const watch = this.#byId.get(id);
    if (watch === undefined) throw watchFaults.unknown_watcher({ id });
    return watch;
  }

  /** @throws Fault `watch_unknown_watcher` */
  remove(id: string): void {
    this.load(id)[Symbol.dispose]();
    this.#byId.delete(id);
  }
}

/** `w` and 20 characters: behaviour.md §1.3. The remainder's bias does not matter, nothing is secured by it. */
function newWatcherId(): string {
  return `w${Array.from(randomBytes(ID_CHARACTERS), (byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
}
