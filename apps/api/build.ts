/** Builds dist/api, one executable. Run as `bun apps/api/build.ts`. */
import { dirname, join } from "node:path";

const root = dirname(dirname(import.meta.dir));
const built = await Bun.build({
  entrypoints: [join(import.meta.dir, "main.ts")],
  compile: { outfile: join(root, "dist/api") },
  target: "bun",
  format: "esm",
  minify: { whitespace: true, syntax: true },
  bytecode: true,
});
for (const message of built.logs) console.log(message);
if (!built.success) process.exitCode = 1;
