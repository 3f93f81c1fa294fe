// Template building as its users do it: recipes, Dockerfiles, files, tags, names, logs, failures.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, client, create, until } from "./support.mjs";

const { Template, waitForFile, waitForPort, waitForProcess, waitForTimeout } = client;
const mark = Math.random().toString(36).slice(2, 8);
const nameOf = (what) => `e2e-${what}-${mark}`;
const small = { cpuCount: 1, memoryMB: 256 };
const made = new Set();
let context;

before(async () => {
  context = await mkdtemp(join(tmpdir(), "sandlot-context-"));
  await mkdir(join(context, "app/deep"), { recursive: true });
  await writeFile(join(context, "app/one.txt"), "one\n");
  await writeFile(join(context, "app/deep/two.txt"), "two\n");
  await writeFile(join(context, "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
  await symlink("one.txt", join(context, "app/link.txt"));
});
after(async () => {
  for (const name of made) await api("DELETE", `/templates/${encodeURIComponent(name)}`).catch(() => undefined);
  await rm(context, { recursive: true, force: true });
});

async function build(what, recipe, options = {}) {
  const lines = [];
  const name = nameOf(what);
  made.add(name.split(":")[0]);
  const onBuildLogs = (entry) => lines.push(entry.toString());
  const info = await Template.build(recipe, name, { ...small, onBuildLogs, ...options });
  return { name, info, log: lines.join("\n") };
}
async function shell(template, command, options = {}) {
  const sandbox = await create({ template });
  return (await sandbox.commands.run(command, options)).stdout;
}
const from = () => Template({ fileContextPath: context }).fromBaseImage();

test("a recipe: files, variables, users, directories, a command that runs in every sandbox", async () => {
  const recipe = from()
    .setWorkdir("/srv/site")
    .setEnvs({ COLOUR: "blue" })
    .setEnvs({ MIXED: "a$COLOUR 'q' `id`" })
    .copy("app", ".")
    .copy("run.sh", "/usr/local/bin/run", { user: "root", mode: 0o755 })
    .runCmd('[ "$COLOUR" = blue ] && printf %s "$MIXED" > mixed.txt')
    .setUser("worker")
    .runCmd("whoami > /tmp/who; sudo -n true 2>/dev/null && echo may > /tmp/may || echo may-not > /tmp/may")
    .makeDir("/tmp/made/below")
    .makeSymlink("/srv/site/one.txt", "/tmp/made/one")
    .setUser("user")
    .setStartCmd("python3 -m http.server 8123", waitForPort(8123));
  const { name, log } = await build("recipe", recipe);
  for (const line of [
    "[base] FROM ",
    "DEFAULT USER user",
    "[builder 1/",
    "RUN ",
    "[finalize] Finalizing",
    "Template is ready",
  ])
    assert.ok(log.includes(line), `${line} in\n${log}`);
  const out = await shell(
    name,
    "pwd; whoami; cat one.txt deep/two.txt link.txt mixed.txt; echo; readlink link.txt; stat -c %U:%G one.txt; run; " +
      'cat /tmp/who /tmp/may; cat /tmp/made/one; curl -s localhost:8123/one.txt; echo "[$COLOUR]"',
  );
  assert.deepEqual(out.trim().split("\n"), [
    ...["/srv/site", "user", "one", "two", "one", "ablue 'q' `id`", "one.txt", "user:user", "ran"],
    ...["worker", "may-not", "one", "one", "[]"],
  ]);
});

test("a second build of the same recipe is cached, and skipping the cache is honoured", async () => {
  const recipe = () => from().runCmd("date +%s%N > /home/user/when");
  const first = await build("cached", recipe());
  const second = await build("cached", recipe());
  assert.match(second.log, /CACHED \[builder 1\/1\] RUN date/);
  const third = await build("cached", recipe(), { skipCache: true });
  assert.doesNotMatch(third.log, /CACHED \[builder/);
  assert.notEqual(first.info.buildId, second.info.buildId);
  assert.equal(first.info.templateId, second.info.templateId);
  const fourth = await build("cached", from().skipCache().runCmd("date +%s%N > /home/user/when"));
  assert.doesNotMatch(fourth.log, /CACHED \[builder 1/);
});

test("a child stands on its parent: files, user, variables and start command", async () => {
  const parent = await build(
    "parent",
    from().setEnvs({ KIN: "yes" }).setWorkdir("/opt/kin").setStartCmd("sleep 4242", waitForProcess("sleep")),
  );
  const child = await build("child", Template().fromTemplate(parent.name).runCmd("echo $KIN > /opt/kin/said"));
  assert.match(child.log, /FROM TEMPLATE /);
  assert.match(await shell(child.name, "cat /opt/kin/said; pwd; pgrep -af 4242"), /^yes\n\/opt\/kin\n.*sleep 4242/);
});

test("a Dockerfile is read by the client and built here", async () => {
  const dockerfile = [
    "FROM e2bdev/base",
    "ARG GREETING=hello",
    "ENV WHO=world",
    "WORKDIR /docker",
    "COPY app/one.txt ./one.txt",
    'RUN echo "$GREETING $WHO" > said.txt',
    "USER user",
  ].join("\n");
  const recipe = Template({ fileContextPath: context }).fromDockerfile(dockerfile);
  const { name } = await build("dockerfile", recipe);
  assert.equal(await shell(name, "cat /docker/one.txt /docker/said.txt; whoami"), "one\nhello world\nuser\n");
});

test("in the background: building at once, then status and logs by offset, then ready", async () => {
  const name = nameOf("background");
  made.add(name);
  const recipe = from().runCmd(`sleep 1; echo done ${mark}`).setReadyCmd(waitForTimeout(200));
  const info = await Template.buildInBackground(recipe, name, small);
  const first = await Template.getBuildStatus(info);
  assert.equal(first.status, "building");
  const last = await until(
    async () => {
      const found = await Template.getBuildStatus(info, { logsOffset: 0 });
      return found.status === "building" ? undefined : found;
    },
    { withinMs: 60_000, what: "the build's end" },
  );
  assert.equal(last.status, "ready");
  assert.ok(last.logEntries.some((entry) => entry.message.includes("[stdout]: done")));
  const rest = await Template.getBuildStatus(info, { logsOffset: last.logEntries.length });
  assert.deepEqual(rest.logEntries, []);
  assert.equal(await Template.exists(name), true);
  assert.equal(await Template.exists(nameOf("nobody-has-this")), false);
});

test("tags name builds: given at build, added, listed, taken away", async () => {
  const { name } = await build("tags", from().runCmd("echo 1 > /home/user/v"), { tags: ["v1"] });
  await build("tags", from().runCmd("echo 2 > /home/user/v"), { tags: ["v2"] });
  assert.equal(await shell(`${name}:v1`, "cat /home/user/v"), "1\n");
  assert.equal(await shell(`${name}:v2`, "cat /home/user/v"), "2\n");
  await Template.assignTags(`${name}:v1`, ["stable", "latest"]);
  assert.equal(await shell(`${name}:stable`, "cat /home/user/v"), "1\n");
  const tags = (await Template.getTags(name)).map(({ tag }) => tag).sort();
  assert.deepEqual(tags, ["latest", "stable", "v1", "v2"]);
  await Template.removeTags(name, ["stable"]);
  await assert.rejects(() => create({ template: `${name}:stable` }), /tag 'stable' does not exist/);
});

test("a step that fails ends the build with its number, its output and its command", async () => {
  const failing = [
    [from().runCmd("echo before; echo why >&2; exit 3"), /failed to run command 'echo before.*exit status 3[\s\S]*why/],
    [
      from().runCmd("whoami", { user: "root123" }),
      /failed to run command 'whoami': command failed: unauthenticated: invalid username: 'root123'/,
    ],
    [from().runCmd("true").setStartCmd("exit 7", waitForFile("/never")), /start command ended/],
    [Template().fromTemplate(nameOf("nowhere")), /not found/],
  ];
  for (const [recipe, message] of failing) await assert.rejects(() => build("failing", recipe), message);
  const name = nameOf("failing");
  const info = await Template.buildInBackground(from().runCmd("true").runCmd("echo late; false"), name, small);
  const last = await until(
    async () => {
      const found = await Template.getBuildStatus(info);
      return found.status === "error" ? found : undefined;
    },
    { withinMs: 60_000, what: "the failure" },
  );
  assert.equal(last.reason.step, "2");
  assert.match(last.reason.message, /late/);
});

test("a name that is public is anybody's to find, and deleting frees it", async () => {
  const { name, info } = await build("public", from().runCmd("true"));
  assert.equal((await api("PATCH", `/v2/templates/${info.templateId}`, { body: { public: true } })).status, 200);
  const listed = (await api("GET", "/templates")).json.find((one) => one.templateID === info.templateId);
  assert.deepEqual([listed.public, listed.buildStatus, listed.cpuCount, listed.memoryMB], [true, "ready", 1, 256]);
  assert.ok(listed.names[0].endsWith(`/${name}`));
  assert.equal((await api("DELETE", `/templates/${name}`)).status, 204);
  assert.equal(await Template.exists(name), false);
});
