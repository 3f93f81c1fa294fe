// Templates by command-line clients: the stock one's `template` commands, and our own `sandlot template`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sandlot } from "./installation.mjs";
import { api, create } from "./support.mjs";

const program = new URL("../node_modules/@e2b/cli/dist/index.js", import.meta.url).pathname;
const name = `cli-${Math.random().toString(36).slice(2, 8)}`;
let home;

function cli(words) {
  const { PATH, E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL, E2B_DOMAIN } = process.env;
  const child = spawn(process.execPath, [program, ...words], {
    env: { PATH, HOME: home, E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL, E2B_DOMAIN, NO_COLOR: "1" },
    cwd: home,
    timeout: 90_000,
  });
  child.stdin.end();
  let out = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data) => {
      out += data;
    });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out })));
}

before(async () => {
  home = await mkdtemp(join(tmpdir(), "sandlot-cli-template-"));
});
after(async () => {
  for (const made of [name, `${name}-own`]) await api("DELETE", `/templates/${made}`).catch(() => undefined);
  await rm(home, { recursive: true, force: true });
});

test("e2b template create, list, publish, unpublish, delete", async () => {
  await writeFile(join(home, "note.txt"), "from the context\n");
  await writeFile(
    join(home, "Dockerfile"),
    `FROM e2bdev/base\nCOPY note.txt /opt/note.txt\nRUN cat /opt/note.txt # ${name}\n`,
  );
  const made = await cli(["template", "create", name, "--cpu-count", "1", "--memory-mb", "256"]);
  assert.equal(made.status, 0, made.out);
  assert.match(made.out, /\[stdout\]: from the context/);
  const list = await cli(["template", "list"]);
  assert.equal(list.status, 0, list.out);
  assert.ok(list.out.includes(name), list.out);
  const sandbox = await create({ template: name });
  assert.equal((await sandbox.commands.run("cat /opt/note.txt")).stdout, "from the context\n");
  await sandbox.kill();
  const isPublic = async () => (await api("GET", `/templates/aliases/${name}`)).json.public;
  const published = await cli(["template", "publish", name, "-y"]);
  assert.equal(published.status, 0, published.out);
  assert.equal(await isPublic(), true);
  const hidden = await cli(["template", "unpublish", name, "-y"]);
  assert.equal(hidden.status, 0, hidden.out);
  assert.equal(await isPublic(), false);
  const gone = await cli(["template", "delete", name, "-y"]);
  assert.equal(gone.status, 0, gone.out);
  assert.equal((await api("GET", `/templates/aliases/${name}`)).status, 404);
});

test("sandlot template build, ls, rm with a recipe of one's own", async () => {
  await mkdir(join(home, "own/files"), { recursive: true });
  await writeFile(join(home, "own/files/hello"), "hello\n");
  const recipe = {
    ...{ name: `${name}-own`, cpuCount: 1, memoryMB: 256, fromTemplate: "base" },
    steps: [
      { type: "COPY", args: [".", "/opt/"], context: "files" },
      { type: "RUN", args: [`cat /opt/hello # ${name}`] },
    ],
  };
  await writeFile(join(home, "own/recipe.json"), JSON.stringify(recipe));
  const built = await sandlot("template", "build", join(home, "own"));
  assert.match(built, /\[stdout\]: hello/);
  assert.match(built, /is ready: template \w{20}/);
  assert.match(await sandlot("template", "ls"), new RegExp(`/${name}-own +ready +private`));
  assert.match(await sandlot("template", "build", join(home, "own")), /CACHED \[builder 1\/2\] COPY/);
  recipe.steps.push({ type: "RUN", args: ["exit 9"] });
  await writeFile(join(home, "own/recipe.json"), JSON.stringify(recipe));
  await assert.rejects(sandlot("template", "build", join(home, "own")), /failed in step 3: .*exit status 9/s);
  assert.match(await sandlot("template", "rm", `${name}-own`), /deleted/);
});
