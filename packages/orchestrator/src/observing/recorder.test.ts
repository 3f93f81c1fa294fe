import { expect, it } from "bun:test";
import { limits } from "../limits";
import { Recorder } from "./recorder";

const line = (message: string) => ({
  ...({ sandboxId: "i1", teamId: "t", atMs: 1_000, level: "info", logger: "envd", message, fields: {} } as const),
});

it("answers only what is new, all of it to who asks after another run", () => {
  const recorder = new Recorder();
  for (const message of ["a", "b", "c"]) recorder.addLine(line(message));
  const first = recorder.since({ runId: "", after: 0 });
  expect(first.lines.map(({ message }) => message)).toEqual(["a", "b", "c"]);
  expect(recorder.since({ runId: first.runId, after: Number(first.next) }).lines).toEqual([]);
  recorder.addLine(line("d"));
  expect(recorder.since({ runId: first.runId, after: Number(first.next) }).lines.map(({ message }) => message)).toEqual(
    ["d"],
  );
  expect(recorder.since({ runId: "another", after: 99 }).lines.length).toBe(4);
});

it("answers in pieces and keeps a bounded number", () => {
  const recorder = new Recorder();
  for (let count = 0; count < limits.observedKept * 2; count += 1) recorder.addLine(line("x".repeat(500)));
  let place = { runId: "", after: 0 };
  let seen = 0;
  for (let rounds = 0; rounds < 100; rounds += 1) {
    const answer = recorder.since(place);
    seen += answer.lines.length;
    place = { runId: answer.runId, after: Number(answer.next) };
    if (answer.next === answer.newest) break;
  }
  expect(place.after).toBe(limits.observedKept * 2);
  expect(seen).toBeGreaterThanOrEqual(limits.observedKept);
  expect(seen).toBeLessThanOrEqual(limits.observedKept * 1.25);
});
