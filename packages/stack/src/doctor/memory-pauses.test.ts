import { expect, test } from "bun:test";
import { judgeCriu } from "./memory-pauses";

const criu = { path: "/x/criu", version: "4.2.1", origin: "private prefix" } as const;

test("says what is lost without a CRIU, why there is none, and the cure", () => {
  const lost = judgeCriu({ criu: undefined, check: undefined, failure: "no route" });
  expect(lost.state).toBe("note");
  expect(lost.says).toContain("no route");
  expect(lost.says).toContain("files only");
  expect(lost.cure).toContain("up");
});

test("before the first up, it is only not here yet", () => {
  expect(judgeCriu({ criu: undefined, check: undefined, failure: undefined }).says).toContain("up installs it");
});

test("one that this kernel does not suit is told with what it said last", () => {
  const answered = { exitCode: 1, stdout: "", stderr: "Warn: a\nError: no vdso" };
  expect(judgeCriu({ criu, check: answered, failure: undefined })).toMatchObject({ state: "note" });
  expect(judgeCriu({ criu, check: answered, failure: undefined }).says).toContain("no vdso");
  expect(judgeCriu({ criu, check: { ...answered, exitCode: 0 }, failure: "old" }).state).toBe("good");
});
