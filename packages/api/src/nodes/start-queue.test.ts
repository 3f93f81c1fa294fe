import { expect, it } from "bun:test";
import { systemClock } from "@sandlot/lifetime";
import { openStartQueue } from "./start-queue";

it("hands slots on in order, and never lets more than its width through", async () => {
  const queue = openStartQueue({ perNode: 2, queue: 10, clock: systemClock });
  const [a, b] = [await queue.lease("n", 1_000), await queue.lease("n", 1_000)];
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (i) => {
    const slot = await queue.lease("n", 1_000);
    order.push(i);
    return slot;
  });
  expect(await queue.lease("other", 0)).toBeDefined();
  a?.[Symbol.dispose]();
  a?.[Symbol.dispose]();
  const first = await waiting[0];
  expect(order).toEqual([1]);
  b?.[Symbol.dispose]();
  first?.[Symbol.dispose]();
  for (const slot of await Promise.all(waiting.slice(1))) slot?.[Symbol.dispose]();
  expect(order).toEqual([1, 2, 3]);
});

it("turns away who finds the line full, and who waited too long", async () => {
  const queue = openStartQueue({ perNode: 1, queue: 1, clock: systemClock });
  const held = await queue.lease("n", 0);
  const waiting = queue.lease("n", 20);
  expect(await queue.lease("n", 1_000)).toBeUndefined();
  expect(await waiting).toBeUndefined();
  held?.[Symbol.dispose]();
  expect(await queue.lease("n", 0)).toBeDefined();
});
