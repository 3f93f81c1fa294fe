/** Builds dist/client-proxy, one executable. Run as `bun apps/client-proxy/build.ts` from anywhere. */
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const outcome = await Bun.build({
  entrypoints: [join(import.meta.dir, "main.ts")],
  compile: { outfile: join(root, "dist/client-proxy") },
  minify: true,
  bytecode: true,
  format: "esm",
  target: "bun",
});
for (const message of outcome.logs) console.error(message);
if (!outcome.success) process.exitCode = 1;
