/** What only this process knows: which sandboxes it is starting, and which it ended a while ago. Lost with it, and then not needed. */
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";

export type LocalKnowledge = {
  readonly starting: Set<string>;
  noteEnded(sandboxId: string): void;
  endedHere(sandboxId: string): boolean;
};

export function openLocalKnowledge(clock: Clock): LocalKnowledge {
  // Insertion order is time order, so the old ones are at the front.
  const ended = new Map<string, number>();
  function forgetOld(): void {
    const sinceMs = clock.nowMs() - limits.endedMemoryMs;
    for (const [sandboxId, atMs] of ended) {
      if (atMs > sinceMs) return;
      ended.delete(sandboxId);
    }
  }
  return {
    starting: new Set(),
    noteEnded(sandboxId) {
      ended.delete(sandboxId);
      ended.set(sandboxId, clock.nowMs());
      forgetOld();
    },
    endedHere(sandboxId) {
      forgetOld();
      return ended.has(sandboxId);
    },
  };
}
