/** Compiles the program that plays envd in the conformance suite; see `../stand-in/stand-in.c`. */
import { join } from "node:path";

export async function compileStandIn(output: string): Promise<void> {
  const source = join(import.meta.dir, "../stand-in/stand-in.c");
  const child = Bun.spawn(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-o", output, source], { stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("cannot compile the stand-in");
}
