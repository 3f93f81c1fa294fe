import { Gate, sleep } from "@sandlot/lifetime";
import type { NodeSlots } from "../egress/node-slots";
import type { NodeEvents } from "../events";
import { nodeFaults } from "../faults";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import { type Guest, type StageTimes, stopwatch } from "./guest";

export type GuestEndsParts = {
  readonly journal: Pick<Journal, "recordEnding" | "forgetMachine">;
  readonly slots: NodeSlots;
  readonly events: Pick<NodeEvents, "endFailed">;
};

/**
 * Ends machines, however often it takes. Disposing of it waits for what is under way and gives up repeating: the journal
 * says `ending`, so the next run goes on.
 */
export class GuestEnds implements AsyncDisposable {
  readonly #parts: GuestEndsParts;
  readonly #tidying = new Set<Promise<void>>();
  readonly #clearings = new Gate(limits.clearingsAtOnce);
  readonly #stop = new AbortController();

  constructor(parts: GuestEndsParts) {
    this.#parts = parts;
  }

  /**
   * From the call on the journal knows that it is to end. Resolves when its processes are gone; what it held is given
   * back in the background, and the journal forgets it then. Rejects only when the node stops first.
   */
  async end(guest: Guest, times: StageTimes): Promise<void> {
    const { journal, slots } = this.#parts;
    const lap = stopwatch(times);
    journal.recordEnding(guest.machineId);
    await this.#untilDone(guest, () => guest.machine.kill());
    lap("machine");
    const clear = async (): Promise<void> => {
      await guest.machine.end();
      await slots.release(guest.slot);
      journal.forgetMachine(guest.machineId);
    };
    const tidied = this.#untilDone(guest, () => this.#clearings.run(clear))
      .catch(() => undefined) // only when the node stops: the next run goes on
      .finally(() => this.#tidying.delete(tidied));
    this.#tidying.add(tidied);
  }

  /** Ends a guest that carries no sandbox, in the background. */
  discard(guest: Guest): void {
    this.end(guest, {}).catch(() => undefined); // only when the node stops: the next run goes on
  }

  /** What fails from now on is left to the next run. */
  stopRepeating(): void {
    this.#stop.abort(nodeFaults.draining({ nodeId: "" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopRepeating();
    await Promise.allSettled(this.#tidying);
  }

  /** Until it works. Throws when the node stops before that. */
  async #untilDone(guest: Guest, work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        if (this.#stop.signal.aborted) throw thrown;
        this.#parts.events.endFailed({ machineId: guest.machineId, thrown });
        await sleep(limits.endRetryMs, this.#stop.signal).catch(() => undefined);
      }
    }
  }
}
