import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };

test.each(Object.entries(scripts))("the script %s calls what exists: %s", (_, line) => {
  const [program = "", file = ""] = line.split(" ");
  const path = program === "bun" ? file : program.startsWith("./") ? program : join("node_modules/.bin", program);
  expect(existsSync(join(root, path))).toBe(true);
});

test("what generated files say made them is a script", () => {
  expect(Object.keys(scripts)).toContain("generate");
});
