import { describe, expect, it } from "bun:test";
import { isFault } from "@sandlot/faults";
import { StartQueue } from "./start-queue";

const never = new AbortController().signal;

describe(StartQueue, () => {
  it("runs a few at once and the rest in order", async () => {
    const queue = new StartQueue({ atOnce: 2, waiting: 10, waitMs: 5_000 });
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        queue.run(async () => {
          running += 1;
          most = Math.max(most, running);
          order.push(index);
          await Bun.sleep(2);
          running -= 1;
        }, never),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("refuses at once when the line is full, and lets late ones go", async () => {
    const queue = new StartQueue({ atOnce: 1, waiting: 1, waitMs: 10 });
    const held = Promise.withResolvers<void>();
    const first = queue.run(() => held.promise, never);
    const second = queue.run(async () => "ran", never).catch((thrown) => thrown);
    const third = await queue.run(async () => "ran", never).catch((thrown) => thrown);
    expect(isFault(third, "node_start_queue_full")).toBe(true);
    expect(isFault(await second, "node_start_queue_slow")).toBe(true);
    held.resolve();
    await first;
    expect(await queue.run(async () => "ran", never)).toBe("ran");
  });

  it("leaves the line when aborted, without running", async () => {
    const queue = new StartQueue({ atOnce: 1, waiting: 5, waitMs: 5_000 });
    const held = Promise.withResolvers<void>();
    const first = queue.run(() => held.promise, never);
    const stop = new AbortController();
    let ran = false;
    const second = queue.run(async () => {
      ran = true;
    }, stop.signal);
    stop.abort(new Error("killed"));
    await expect(second).rejects.toThrow("killed");
    held.resolve();
    await first;
    expect(ran).toBe(false);
  });
});
