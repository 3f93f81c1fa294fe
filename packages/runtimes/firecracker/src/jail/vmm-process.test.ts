import { expect, it } from "bun:test";
import { parseConsole } from "./vmm-process";

it("hears a guest's words, and nothing else", () => {
  expect(parseConsole("")).toEqual({ isReady: false });
  expect(parseConsole("noise\nsandlot ready\r\nmore")).toEqual({ isReady: true });
  expect(parseConsole("sandlot failed no disk\n")).toEqual({ isReady: false, failed: "no disk" });
  expect(parseConsole("sandlot ready\nsandlot exit 3 0\n").exit).toEqual({ code: 3, oomKills: 0 });
  expect(parseConsole("sandlot exit 137 2\n").exit).toEqual({ code: 137, oomKills: 2 });
  expect(parseConsole("not sandlot exit 1 0\nsandlot exit x\nsandlot exits\n")).toEqual({ isReady: false });
});

it("is not led to a code that cannot be", () => {
  expect(parseConsole("sandlot exit 99999 -1\n").exit?.code).toBe(99999 & 0xff);
});
