// A sandbox of the template `code-interpreter-v1`, as its client asks for it. Where it is not built, it is built here, from the shipped
// recipe without the languages that take longest to install.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Sandbox } from "@e2b/code-interpreter";
import { api, sandboxUrl } from "./support.mjs";

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const NAME = "code-interpreter-v1";
const PROGRAMS = { javascript: "/usr/local/bin/deno", r: "/usr/bin/R", java: "/usr/bin/java" };
const HEAVY = /openjdk|irkernel/;
/** Packages that no test asks for. */
const UNTRIED = / python3-(?:openpyxl|requests|scipy)/g;

/** The client's sandbox, with `lacks(language)`, which is false or a reason to skip, and `plainExecute` without a token. */
export async function codeSandbox() {
  if ((await api("GET", `/templates/aliases/${NAME}`)).status !== 200) await buildSmall();
  const sandbox = await Sandbox.create({ timeoutMs: 900_000, envs: { OF_SANDBOX: "yes" } });
  after(() => sandbox.kill());
  const { stdout } = await sandbox.commands.run(`ls ${Object.values(PROGRAMS).join(" ")} || true`);
  const present = new Set(stdout.split("\n"));
  sandbox.lacks = (language) => !present.has(PROGRAMS[language]) && `no ${language} in this template`;
  sandbox.plainExecute = (body) =>
    fetch(`${sandboxUrl}/execute`, {
      method: "POST",
      headers: { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "49999" },
      body: JSON.stringify(body),
    });
  return sandbox;
}

async function buildSmall() {
  const recipe = JSON.parse(await readFile(join(CHECKOUT, "templates/code-interpreter/recipe.json"), "utf8"));
  const steps = recipe.steps
    .filter(({ args }) => !HEAVY.test(args[0]))
    .map((step) => ({ ...step, args: step.args.map((arg) => arg.replace(UNTRIED, "")) }))
    .map((step) => (step.context === undefined ? step : { ...step, context: join(CHECKOUT, step.context) }));
  const dir = await mkdtemp(join(tmpdir(), "sandlot-code-interpreter-"));
  try {
    await writeFile(join(dir, "recipe.json"), JSON.stringify({ ...recipe, steps }));
    const words = ["template", "build", join(dir, "recipe.json"), "--quiet", "--data", process.env.SANDLOT_DATA_DIR];
    await run(join(CHECKOUT, "sandlot"), words, { timeout: 400_000 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
