/** Gives memory back once requests have ceased: hundreds of sandboxes idle side by side on one machine. */
import { IDLE_TRIM_AFTER_MS, IDLE_TRIM_LATE_MS } from "./limits";
import type { Answer } from "./server";

/**
 * Wraps the answerer; after each burst of requests there is one collection, never one while they come. A machine that
 * was frozen meanwhile is thawed for a request, and what fell due in between must not come before it. Where memory is a
 * copy on write of what many share, a collection costs more of it than it gives back: there it takes `growthBytes`,
 * counted from the start or the last collection, to be worth one.
 */
export function trimmingWhenIdle(of: { growthBytes: number; answer: Answer }): Answer & Disposable {
  let timer: Timer | undefined;
  let dueAtMs = 0;
  const held = (): number => (of.growthBytes === 0 ? 0 : process.memoryUsage.rss());
  let heldBytes = held();
  const onDue = (): void => {
    timer = undefined;
    if (performance.now() > dueAtMs + IDLE_TRIM_LATE_MS) {
      later();
      return;
    }
    if (held() < heldBytes + of.growthBytes) return;
    Bun.gc(true);
    Bun.shrink();
    heldBytes = held();
  };
  const later = (): void => {
    dueAtMs = performance.now() + IDLE_TRIM_AFTER_MS;
    if (timer !== undefined) timer.refresh();
    else timer = setTimeout(onDue, IDLE_TRIM_AFTER_MS);
  };
  later(); // what starting needed is garbage too
  const wrapped: Answer = (request) => {
    later();
    return of.answer(request);
  };
  return Object.assign(wrapped, { [Symbol.dispose]: () => clearTimeout(timer) });
}
