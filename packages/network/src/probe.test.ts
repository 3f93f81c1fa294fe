import { expect, test } from "bun:test";
import { letsUsThrough } from "./probe";

const table = (...rules: string[]): string => `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		${rules.join("\n\t\t")}
	}
}`;

test("a chain that drops is no hindrance once it accepts our links, both ways where it forwards", () => {
  expect(letsUsThrough(table(), "forward")).toBeFalse();
  expect(letsUsThrough(table('iifname "sl*" counter packets 0 bytes 0 accept'), "forward")).toBeFalse();
  expect(letsUsThrough(table('iifname "sl*" accept'), "input")).toBeTrue();
  expect(
    letsUsThrough(table('iifname "sl*" accept', 'oifname "sl*" counter packets 1 bytes 2 accept'), "forward"),
  ).toBeTrue();
  expect(letsUsThrough(table('iifname "eth0" accept', 'oifname "sl*" drop'), "forward")).toBeFalse();
});
