/** Generates everything again and fails when that changes a file; called by `./sandlot test`. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";

const root = dirname(import.meta.dir);
const before = hashes();
const generate = Bun.spawn([process.execPath, "scripts/generate.ts"], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
});
const exitCode = await generate.exited;
const after = hashes();
const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
  (path) => before.get(path) !== after.get(path),
);
for (const path of changed) console.log(`not current: ${path}; run: bun scripts/generate.ts`);
process.exitCode = exitCode === 0 && changed.length === 0 ? 0 : 1;

/** All files in folders called `gen`, the reference pages and the README, by content. */
function hashes(): Map<string, string> {
  const files = ["packages/**/gen/**/*", "docs/reference/*.md", "README.md"].flatMap((pattern) => [
    ...new Glob(pattern).scanSync({ cwd: root, onlyFiles: true }),
  ]);
  return new Map(
    files
      .filter((path) => !path.includes("node_modules/"))
      .map((path) => [
        path,
        createHash("sha256")
          .update(readFileSync(join(root, path)))
          .digest("hex"),
      ]),
  );
}
