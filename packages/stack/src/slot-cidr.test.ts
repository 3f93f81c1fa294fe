import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freeSlotCidr, reserveSlotCidr } from "./slot-cidr";

const ten = (second: number) => ({ from: 10 * 2 ** 24 + second * 2 ** 16, mask: 0xffff0000 });

test("passes over ranges that the host uses", () => {
  expect(freeSlotCidr([])).toBe("10.12.0.0/16");
  expect(freeSlotCidr([ten(12), { from: ten(13).from + 256, mask: 0xffffff00 }])).toBe("10.14.0.0/16");
});

test("two that pick at once get two ranges; one given back can be had again", () => {
  const of = { routes: [ten(12)], dir: mkdtempSync(join(tmpdir(), "sandlot-ranges-")) };
  const first = reserveSlotCidr(of);
  using second = reserveSlotCidr(of);
  expect([first.cidr, second.cidr]).toEqual(["10.13.0.0/16", "10.14.0.0/16"]);
  first[Symbol.dispose]();
  using third = reserveSlotCidr(of);
  expect(third.cidr).toBe("10.13.0.0/16");
  rmSync(of.dir, { recursive: true });
});
