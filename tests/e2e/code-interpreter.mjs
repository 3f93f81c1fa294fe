// A sandbox that runs the code interpreter's server: from its template, or, where that is not built, from `base` by the same recipe.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { Sandbox } from "@e2b/code-interpreter";
import { sandboxUrl, until } from "./support.mjs";

const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const TREE = join(CHECKOUT, "dist/code-interpreter");
const recipe = JSON.parse(readFileSync(join(CHECKOUT, "templates/code-interpreter/recipe.json"), "utf8"));
const PROGRAMS = { javascript: "/usr/local/bin/deno", r: "/usr/bin/R", java: "/usr/bin/java" };
/** What every language but Python and Bash needs takes longer to install than its tests to run. */
const FIRST_STEPS = 1;

/** The client's sandbox, with `lacks(language)`, which is false or a reason to skip, and `plainExecute` without a token. */
export async function codeSandbox() {
  const options = { timeoutMs: 900_000, envs: { OF_SANDBOX: "yes" } };
  const held = process.env.SANDLOT_CODE_INTERPRETER_SANDBOX;
  const made = held === undefined ? await Sandbox.create(options).catch(() => undefined) : await Sandbox.connect(held);
  const sandbox = made ?? (await provision(await Sandbox.create("base", options)));
  if (held === undefined) after(() => sandbox.kill());
  const present = new Set(
    (await sandbox.commands.run(`ls ${Object.values(PROGRAMS).join(" ")} || true`)).stdout.split("\n"),
  );
  sandbox.lacks = (language) => !present.has(PROGRAMS[language]) && `no ${language} in this sandbox`;
  sandbox.plainExecute = (body) =>
    fetch(`${sandboxUrl}/execute`, {
      method: "POST",
      headers: { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "49999" },
      body: JSON.stringify(body),
    });
  return sandbox;
}

async function provision(sandbox) {
  for (const path of filesBelow(TREE)) {
    await sandbox.files.write(path, new Blob([readFileSync(join(TREE, path))]), { user: "root" });
    await sandbox.commands.run(`chmod a+rx ${path}`, { user: "root" });
  }
  for (const { args } of recipe.steps.filter((step) => step.type === "RUN").slice(0, FIRST_STEPS)) {
    await sandbox.commands.run(args[0], { user: args[1], timeoutMs: 600_000 });
  }
  const start = await sandbox.commands.run(recipe.startCmd, { background: true, timeoutMs: 0 });
  await start.disconnect();
  await until(() => sandbox.commands.run(recipe.readyCmd).catch(() => undefined), {
    withinMs: 60_000,
    what: "the server",
  });
  return sandbox;
}

function filesBelow(root, path = "") {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(root, below) : entry.name.startsWith(".") ? [] : [below];
  });
}
