/** Turns for builds: at most so many at once, and between teams by turns, so that one team's hundred do not hold another's one. */
import { builderFaults } from "../faults";

type Waiting = { readonly go: () => void; readonly signal: AbortSignal };

export class FairQueue {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  /** In the order of their turns; a team that got one goes to the end. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #running = new Map<string, number>();
  #runningCount = 0;
  #waitingCount = 0;

  constructor(of: { atOnce: number; maxWaiting: number }) {
    this.#atOnce = of.atOnce;
    this.#maxWaiting = of.maxWaiting;
  }

  /** @throws Fault `build_queue_full` when too many wait already */
  assertRoom(): void {
    if (this.#waitingCount >= this.#maxWaiting) throw builderFaults.queue_full({ waiting: this.#waitingCount });
  }

  /** Runs `work` in its turn. @throws the signal's reason when it aborts while waiting */
  async run<T>(team: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(team, signal);
    try {
      return await work();
    } finally {
      this.#running.set(team, (this.#running.get(team) ?? 1) - 1);
      if (this.#running.get(team) === 0) this.#running.delete(team);
      this.#runningCount -= 1;
      this.#next();
    }
  }

  async #turn(team: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const line = this.#lines.get(team) ?? [];
      const waiting: Waiting = {
        signal,
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        const at = line.indexOf(waiting);
        if (at < 0) return;
        line.splice(at, 1);
        if (line.length === 0) this.#lines.delete(team);
        this.#waitingCount -= 1;
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      line.push(waiting);
      this.#lines.set(team, line);
      this.#waitingCount += 1;
      this.#next();
    });
  }

  /** The team with the fewest running goes first; among equals the one whose last turn is longest ago. */
  #next(): void {
    while (this.#runningCount < this.#atOnce && this.#lines.size > 0) {
      let chosen: string | undefined;
      for (const team of this.#lines.keys())
        if (chosen === undefined || (this.#running.get(team) ?? 0) < (this.#running.get(chosen) ?? 0)) chosen = team;
      if (chosen === undefined) return;
      const line = this.#lines.get(chosen) ?? [];
      const first = line.shift();
      this.#lines.delete(chosen);
      if (line.length > 0) this.#lines.set(chosen, line);
      if (first === undefined) continue;
      this.#waitingCount -= 1;
      this.#runningCount += 1;
      this.#running.set(chosen, (this.#running.get(chosen) ?? 0) + 1);
      first.go();
    }
  }
}
