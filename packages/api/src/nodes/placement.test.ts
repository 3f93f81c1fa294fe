import { expect, it } from "bun:test";
import { pickNode } from "./placement";

const node = (nodeId: string, allocatedCpu: number, starting = 0) => ({ nodeId, cpuCount: 8, allocatedCpu, starting });
const pick = (candidates: ReturnType<typeof node>[], choices = 3, random = () => 0) =>
  pickNode({ candidates, cpuCount: 2, choices, random })?.nodeId;

it("takes the least loaded of those drawn, counting starts under way", () => {
  expect(pick([node("a", 8), node("b", 2), node("c", 4)])).toBe("b");
  expect(pick([node("a", 2, 2), node("b", 4, 0)])).toBe("b");
  expect(pick([node("a", 8), node("b", 2)], 1)).toBe("a");
  expect(pick([node("a", 8), node("b", 2)], 1, () => 0.99)).toBe("b");
});

it("has nothing to pick from nothing", () => expect(pick([])).toBeUndefined());
