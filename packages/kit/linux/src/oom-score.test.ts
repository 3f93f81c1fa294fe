import { expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { withOomScore } from "./oom-score";

const own = () => Number(readFileSync("/proc/self/oom_score_adj", "utf8"));

it("gives its score to what is spawned meanwhile, and comes back", async () => {
  const before = own();
  const wanted = Math.max(before, 100);
  const child = withOomScore(100, () => Bun.spawn(["cat", "/proc/self/oom_score_adj"], { stdout: "pipe" }));
  expect(Number(await child.stdout.text())).toBe(wanted);
  expect(own()).toBe(before);
});

it("comes back when the work fails", () => {
  const before = own();
  expect(() =>
    withOomScore(100, () => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(own()).toBe(before);
});
