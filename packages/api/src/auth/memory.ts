/** What was looked up a moment ago, so that a burst of calls with one credential asks the database once. */
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";

export type Memory<T> = { lookUp(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> };

/** Found things are trusted for `limits.authCacheMs`; what was not found is asked for again. */
export function startMemory<T>(clock: Clock): Memory<T> {
  const remembered = new Map<string, { readonly value: T; readonly untilMs: number }>();
  const asking = new Map<string, Promise<T | undefined>>();
  return {
    async lookUp(key, ask) {
      const hit = remembered.get(key);
      if (hit !== undefined && hit.untilMs > clock.nowMs()) return hit.value;
      remembered.delete(key);
      const running = asking.get(key);
      if (running !== undefined) return running;
      const askedMs = clock.nowMs();
      const answer = ask().finally(() => asking.delete(key));
      asking.set(key, answer);
      const value = await answer;
      // Only what was found is kept: guesses must not push real ones out.
      if (value !== undefined) remembered.set(key, { value, untilMs: askedMs + limits.authCacheMs });
      if (remembered.size > limits.authCacheKeys) {
        const [oldest] = remembered.keys();
        if (oldest !== undefined) remembered.delete(oldest);
      }
      return value;
    },
  };
}
