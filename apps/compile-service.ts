/** Compiles one service into one executable under dist/; called by each service's build.ts. */
import { renameSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** @param name the folder under apps/, and the name of the executable */
export async function compileService(name: string): Promise<void> {
  const fresh = join(ROOT, `dist/.${name}.new`); // renamed over the old one, which may be running
  const outcome = await Bun.build({
    entrypoints: [join(import.meta.dir, name, "main.ts")],
    // What lies in the working directory of a service must not configure it.
    compile: { outfile: fresh, autoloadDotenv: false, autoloadBunfig: false },
    // Native help that ssh2 does without where it is not there.
    external: ["cpu-features"],
    minify: true,
    bytecode: true,
    format: "esm",
    target: "bun",
  });
  if (!outcome.success) throw new Error(`${name} does not compile:\n${outcome.logs.join("\n")}`);
  renameSync(fresh, join(ROOT, "dist", name));
}
