import { expect, test } from "bun:test";
import { pick } from "../commands/key";
import { exitCodeOf } from "./guest";
import { columns, left } from "./table";

test("a command's end is counted as a shell counts it", () => {
  const end = (exited: boolean, exitCode: number, status: string) => exitCodeOf({ exited, exitCode, status });
  expect(end(true, 7, "exit status 7")).toBe(7);
  expect(end(false, -1, "signal: killed")).toBe(137);
  expect(end(false, -1, "signal: segmentation fault (core dumped)")).toBe(139);
  expect(end(false, -1, "signal: user defined signal 1")).toBe(128);
});

test("a key is picked by id, or by a name that only one has", () => {
  const keys = [
    { id: "1", name: "ci" },
    { id: "2", name: "ci" },
    { id: "3", name: "1" },
  ];
  expect(pick(keys, "1").name).toBe("ci");
  expect(pick(keys, "3").name).toBe("1");
  expect(() => pick(keys, "ci")).toThrow("1, 2");
  expect(() => pick(keys, "x")).toThrow("no key called or numbered x");
});

test("tables are as wide as they must be, and spans of time have two units", () => {
  expect(
    columns([
      ["A", "B"],
      ["long", ""],
      ["x", "y"],
    ]),
  ).toBe("A     B\nlong\nx     y");
  expect([left(-5), left(59_000), left(243_000), left(7_500_000), left(97_200_000)]).toEqual([
    "0 s",
    "59 s",
    "4 min 3 s",
    "2 h 5 min",
    "1 d 3 h",
  ]);
});
