/** Builds the code interpreter into dist/code-interpreter, the tree that its template copies; called by the build script. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compileGuestProgram } from "../compile-guest-program";

const PYTHON = join(import.meta.dir, "../../packages/code-interpreter/python");
const HOME = "/usr/lib/sandlot-code-interpreter";

const executable = compileGuestProgram({
  main: join(import.meta.dir, "main.ts"),
  layer: "code-interpreter",
  home: HOME,
  name: "code-interpreter",
});
const target = join(import.meta.dir, "../../dist/code-interpreter", HOME, "python");
rmSync(target, { recursive: true, force: true });
cpSync(PYTHON, target, { recursive: true, filter: (path) => !path.includes("__pycache__") });
console.log(`code-interpreter: ${executable}`);
