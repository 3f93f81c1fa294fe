/** Finds test files by where they lie and what they are called. Used by scripts/test/parts.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "@sandlot/stack";
import { Glob } from "bun";

const find = (pattern: string): string[] =>
  [...new Glob(pattern).scanSync({ cwd: CHECKOUT, onlyFiles: true })]
    .filter((path) => !path.includes("node_modules/"))
    .sort();

/** Beside the code they test: no network, no processes. */
export function unitFiles(): string[] {
  return ["packages/**/*.test.ts", "scripts/**/*.test.ts", "apps/**/*.test.ts", "tests/**/*.test.ts"]
    .flatMap(find)
    .filter((path) => !path.endsWith(".int.test.ts"));
}

/** With real servers, processes or kernel objects; each file gets a process of its own. */
export function integrationFiles(): string[] {
  return ["packages/**/*.int.test.ts", "scripts/**/*.int.test.ts", "apps/**/*.int.test.ts"].flatMap(find);
}

/** Driven by the stock client under Node. */
export function clientFiles(folder: "e2e" | "attacks" | "faults" | "hosts" | "soak"): string[] {
  return existsSync(join(CHECKOUT, "tests", folder)) ? find(`tests/${folder}/**/*.test.mjs`) : [];
}
