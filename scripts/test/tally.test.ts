import { expect, test } from "bun:test";
import { countJunit, countSpec, failedNames, Tally } from "./tally";

test("counts what bun test and node --test wrote", () => {
  const xml =
    '<?xml version="1.0"?>\n<testsuites name="bun test" tests="7" assertions="9" failures="1" skipped="2" time="0.1">';
  expect(countJunit(xml)).toEqual({ passed: 4, failed: 1, skipped: 2 });
  const tap = "ok 1 - x\n1..1\n# tests 6\n# suites 0\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n";
  expect(countSpec(tap)).toEqual({ passed: 3, failed: 2, skipped: 1 });
  expect(countSpec(tap.replaceAll("# ", "\u2139 "))).toEqual({ passed: 3, failed: 2, skipped: 1 });
});

test("output without totals counts as nothing known", () => {
  expect(countJunit("")).toBeUndefined();
  expect(countSpec("TAP version 13\n")).toBeUndefined();
});

test("closes with the plain line", () => {
  const tally = new Tally();
  tally.add("a", { passed: 2, failed: 0, skipped: 0 }, 1);
  expect(tally.closingLine()).toBe("2 passed, 0 failed");
  tally.add("b", { passed: 0, failed: 1, skipped: 3 }, 1);
  expect(tally.closingLine()).toBe("2 passed, 1 failed, 3 skipped");
});

test("names what failed, once, after the parts", () => {
  const bun = "(pass) a [1.00ms]\n(fail) B > c [2.5ms]\n\n1 tests failed:\n(fail) B > c [2.5ms]\n";
  expect(failedNames(bun)).toEqual(["B > c"]);
  const spec =
    "\u2714 a (1.5ms)\n  \u2716 is (0 ms) (2ms)\n\u2716 d (3.1ms)\n\u2716 failing tests:\n\u2716 d (3.1ms)\n";
  expect(failedNames(spec)).toEqual(["is (0 ms)", "d"]);
  const tally = new Tally();
  tally.add("a", { passed: 0, failed: 1, skipped: 0 }, 1, ["B > c"]);
  expect(tally.report().split("\n").slice(2)).toEqual(["", "FAIL  a: B > c"]);
});
