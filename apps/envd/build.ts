/** Builds envd and its private C library into dist/guest-layer; called by the build script and by hand. */
import { join } from "node:path";
import { compileGuestProgram } from "../compile-guest-program";

function commit(): string {
  return (
    Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: import.meta.dir })
      .stdout.toString()
      .trim() || "unknown"
  );
}

const executable = compileGuestProgram({
  main: join(import.meta.dir, "main.ts"),
  layer: "guest-layer",
  home: "/usr/lib/sandlot",
  name: "envd",
  define: { SANDLOT_COMMIT: `"${commit()}"` },
});
console.log(`envd: ${executable}`);
