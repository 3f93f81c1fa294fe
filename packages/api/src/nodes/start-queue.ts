/** The line in front of the nodes: each works on a bounded number of starts, a bounded number of callers waits, for a bounded time. */
import type { Clock } from "@sandlot/lifetime";

type Waiter = { readonly nodeId: string; readonly go: () => void };

export type StartQueue = {
  /**
   * Waits for a start slot of the node.
   * @returns what gives it back; undefined when the line is full or the wait was too long
   */
  lease(nodeId: string, waitMs: number): Promise<Disposable | undefined>;
};

export function openStartQueue(of: { perNode: number; queue: number; clock: Clock }): StartQueue {
  const busy = new Map<string, number>();
  const waiting = new Set<Waiter>();

  function take(nodeId: string): boolean {
    const count = busy.get(nodeId) ?? 0;
    if (count >= of.perNode) return false;
    busy.set(nodeId, count + 1);
    return true;
  }
  function giveBack(nodeId: string): void {
    const next = [...waiting].find((waiter) => waiter.nodeId === nodeId);
    // The slot changes hands without ever being free.
    if (next !== undefined) {
      next.go();
      return;
    }
    const count = (busy.get(nodeId) ?? 1) - 1;
    if (count === 0) busy.delete(nodeId);
    else busy.set(nodeId, count);
  }
  function slot(nodeId: string): Disposable {
    let isOut = true;
    return {
      [Symbol.dispose]() {
        if (isOut) giveBack(nodeId);
        isOut = false;
      },
    };
  }
  return {
    async lease(nodeId, waitMs) {
      if (take(nodeId)) return slot(nodeId);
      if (waiting.size >= of.queue || waitMs <= 0) return undefined;
      const won = await new Promise<boolean>((resolve) => {
        const waiter: Waiter = { nodeId, go: () => settle(true) };
        const timer = of.clock.after(waitMs, () => settle(false));
        function settle(isMine: boolean): void {
          timer[Symbol.dispose]();
          waiting.delete(waiter);
          resolve(isMine);
        }
        waiting.add(waiter);
      });
      return won ? slot(nodeId) : undefined;
    },
  };
}
