import { expect, it } from "bun:test";
import { layersBelow } from "./layers-below";

it("drops disks, and never trees, where a layer stands in their place", () => {
  const origin: { kind?: "qcow2" | "erofs"; id: number }[] = [
    { kind: "qcow2", id: 3 },
    { kind: "qcow2", id: 2 },
    { kind: "erofs", id: 1 },
    { id: 0 },
  ];
  expect(layersBelow({}, origin)).toEqual(origin);
  expect(layersBelow({ replacesDisks: true }, origin).map(({ id }) => id)).toEqual([1, 0]);
});
