import { describe, expect, it } from "bun:test";
import { FairQueue } from "./fair-queue";

function harness(atOnce: number) {
  const queue = new FairQueue({ atOnce, maxWaiting: 10 });
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const enter = (team: string, signal = new AbortController().signal) =>
    queue.run(team, signal, async () => {
      order.push(team);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  return { queue, order, ends, enter };
}
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe(FairQueue, () => {
  it("does not let one team's many builds hold up another team's one", async () => {
    const { order, ends, enter } = harness(2);
    for (let at = 0; at < 5; at += 1) void enter("greedy");
    void enter("modest");
    await settle();
    expect(order).toEqual(["greedy", "greedy"]);
    ends.shift()?.();
    await settle();
    expect(order).toEqual(["greedy", "greedy", "modest"]);
  });

  it("takes a build that is given up out of the line, and refuses when the line is full", async () => {
    const { queue, order, ends, enter } = harness(1);
    void enter("a");
    const stop = new AbortController();
    const given = enter("b", stop.signal);
    void enter("c");
    stop.abort(new Error("not wanted any more"));
    await expect(given).rejects.toThrow("not wanted any more");
    ends.shift()?.();
    await settle();
    expect(order).toEqual(["a", "c"]);
    for (let at = 0; at < 10; at += 1) void enter("d");
    expect(() => queue.assertRoom()).toThrow("builds wait already");
  });
});
