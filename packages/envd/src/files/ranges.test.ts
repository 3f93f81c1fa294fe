import { describe, expect, it } from "bun:test";
import { parseRanges, planAnswer } from "./ranges";

describe(parseRanges, () => {
  const cases: [header: string, ranges: [from: number, length: number][] | undefined][] = [
    ["bytes=0-4", [[0, 5]]],
    ["bytes=5-", [[5, 5]]],
    ["bytes=-3", [[7, 3]]],
    ["bytes=-30", [[0, 10]]],
    ["bytes=8-99", [[8, 2]]],
    [
      "bytes=0-0, 9-9",
      [
        [0, 1],
        [9, 1],
      ],
    ],
    ["bytes=10-", []],
    ["bytes=-0", []],
    ["bytes=4-2", undefined],
    ["bytes=-", undefined],
    ["bytes=a-b", undefined],
    ["lines=0-1", undefined],
  ];
  for (const [header, ranges] of cases) {
    it(`reads ${header}`, () => {
      expect(parseRanges(header, 10)?.map(({ from, length }) => [from, length] as [number, number])).toEqual(ranges);
    });
  }
});

describe(planAnswer, () => {
  const date = "Tue, 14 Nov 2023 22:13:20 GMT";
  const plan = (headers: Record<string, string>, sizeBytes = 10): string =>
    planAnswer({ headers: new Headers(headers), sizeBytes, mtimeMs: 1_700_000_000_900 }).answer;
  const cases: [headers: Record<string, string>, answer: string][] = [
    [{}, "whole"],
    [{ "if-modified-since": date }, "not_modified"],
    [{ "if-modified-since": "Tue, 14 Nov 2023 22:13:19 GMT" }, "whole"],
    [{ "if-modified-since": date, "if-none-match": '"x"' }, "whole"],
    [{ "if-none-match": "*" }, "not_modified"],
    [{ "if-match": '"x"' }, "precondition_failed"],
    [{ "if-unmodified-since": "Tue, 14 Nov 2023 22:13:19 GMT" }, "precondition_failed"],
    [{ range: "bytes=0-1", "if-range": date }, "parts"],
    [{ range: "bytes=0-1", "if-range": '"x"' }, "whole"],
    [{ range: "bytes=10-" }, "unsatisfiable"],
    [{ range: "bytes=0-9,0-9" }, "whole"],
  ];
  for (const [headers, answer] of cases) {
    it(`answers ${answer} to ${JSON.stringify(headers)}`, () => expect(plan(headers)).toBe(answer));
  }
});
