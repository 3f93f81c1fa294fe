import { expect, test } from "bun:test";
import ts from "typescript";
import { importsOf, isSource, isTest, packageOf } from "./workspace";

const parseText = (text: string): ts.SourceFile => ts.createSourceFile("x.ts", text, ts.ScriptTarget.ESNext, true);

test("finds every way to import, and tells types from values", () => {
  const found = importsOf(
    parseText(
      [
        'import "./side";',
        'import { a } from "@sandlot/a";',
        'import { type B } from "./b";',
        'import type { C } from "./c";',
        'export { d } from "./d";',
        'const e = await import("e/deep");',
        'type F = import("./f").F;',
        "const text = \"import { g } from './g'\";",
      ].join("\n"),
    ),
  );
  expect(found.map(({ from, line, isTypeOnly }) => [from, line, isTypeOnly])).toEqual([
    ["./side", 1, false],
    ["@sandlot/a", 2, false],
    ["./b", 3, true],
    ["./c", 4, true],
    ["./d", 5, false],
    ["e/deep", 6, false],
    ["./f", 7, true],
  ]);
});

test("names the package of a specifier", () => {
  expect(packageOf("@sandlot/contracts/envd/process")).toBe("@sandlot/contracts");
  expect(packageOf("hono/cors")).toBe("hono");
  for (const none of ["./x", "../x", "node:fs", "bun:test", "bun"]) expect(packageOf(none)).toBeUndefined();
});

test("tells shipped code from tests and generated code", () => {
  expect(isTest("packages/api/test/fake-node.ts")).toBe(true);
  expect(isTest("packages/api/src/limits.ts")).toBe(false);
  expect(isSource("packages/db/src/gen/add-user.ts")).toBe(false);
  expect(isSource("tests/e2e/pty.test.mjs")).toBe(true);
});
