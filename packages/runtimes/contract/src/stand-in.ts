/** Compiles the program that plays envd in the conformance suite; see `../stand-in/stand-in.c`. */
import { join } from "node:path";

export async function compileStandIn(output: string): Promise<void> {
  const sources = ["stand-in.c", "keep.c"].map((name) => join(import.meta.dir, "../stand-in", name));
  const flags = ["-static", "-O2", "-Wall", "-Wextra"];
  const child = Bun.spawn(["gcc", ...flags, "-o", output, ...sources], { stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("cannot compile the stand-in");
}
