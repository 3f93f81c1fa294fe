/** What only this process knows: which sandboxes it is starting, and which runs of them it ended a while ago. Lost with it, and then not needed. */
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";

export type LocalKnowledge = {
  readonly starting: Set<string>;
  noteEnded(executionId: string): void;
  endedHere(executionId: string): boolean;
};

export function openLocalKnowledge(clock: Clock): LocalKnowledge {
  // Insertion order is time order, so the old ones are at the front.
  const ended = new Map<string, number>();
  function forgetOld(): void {
    const sinceMs = clock.nowMs() - limits.endedMemoryMs;
    for (const [executionId, atMs] of ended) {
      if (atMs > sinceMs) return;
      ended.delete(executionId);
    }
  }
  return {
    starting: new Set(),
    noteEnded(executionId) {
      ended.delete(executionId);
      ended.set(executionId, clock.nowMs());
      forgetOld();
    },
    endedHere(executionId) {
      forgetOld();
      return ended.has(executionId);
    },
  };
}
