import { Gate, sleep } from "@sandlot/lifetime";
import { nodeFaults } from "../faults";

export type StartQueueBounds = { readonly atOnce: number; readonly waiting: number; readonly waitMs: number };

/** Cold starts in order: a few at once, a bounded line behind them, and a bounded time in line. */
export class StartQueue {
  readonly #gate: Gate;
  readonly #bounds: StartQueueBounds;

  constructor(bounds: StartQueueBounds) {
    this.#gate = new Gate(bounds.atOnce);
    this.#bounds = bounds;
  }

  get waitingCount(): number {
    return this.#gate.waitingCount;
  }

  /**
   * @throws Fault `node_start_queue_full` at once, `node_start_queue_slow` after `waitMs` in line, the signal's reason
   * when it aborts while in line; `work` has not run then
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { waiting, waitMs } = this.#bounds;
    if (this.#gate.waitingCount >= waiting) throw nodeFaults.start_queue_full({ waiting });
    const turn = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    void this.#gate.run(() => {
      turn.resolve();
      return leave.promise;
    });
    try {
      await this.#inLine(turn.promise, signal, waitMs);
      return await work();
    } finally {
      leave.resolve(); // also when the turn never came: it then passes on at once
    }
  }

  async #inLine(turn: Promise<void>, signal: AbortSignal, waitMs: number): Promise<void> {
    const stop = new AbortController();
    const patience = sleep(waitMs, AbortSignal.any([signal, stop.signal])).then(() => {
      throw nodeFaults.start_queue_slow({ waitedMs: waitMs });
    });
    patience.catch(() => undefined);
    try {
      await Promise.race([turn, patience]);
    } finally {
      stop.abort(new Error("no longer in line"));
    }
  }
}
