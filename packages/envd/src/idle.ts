/** Gives memory back once requests have ceased: hundreds of sandboxes idle side by side on one machine. */
import { IDLE_TRIM_AFTER_MS } from "./limits";
import type { Answer } from "./server";

/** Wraps the answerer; after each burst of requests there is one collection, never one while they come. */
export function trimmingWhenIdle(answer: Answer): Answer & Disposable {
  let timer: Timer | undefined;
  const later = (): void => {
    if (timer !== undefined) timer.refresh();
    else
      timer = setTimeout(() => {
        timer = undefined;
        Bun.gc(true);
        Bun.shrink();
      }, IDLE_TRIM_AFTER_MS);
  };
  later(); // what starting needed is garbage too
  const wrapped: Answer = (request) => {
    later();
    return answer(request);
  };
  return Object.assign(wrapped, { [Symbol.dispose]: () => clearTimeout(timer) });
}
