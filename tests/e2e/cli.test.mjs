// The stock command-line client, as a person would use it: its own process, configured by environment only.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { api, Sandbox, until } from "./support.mjs";

const program = new URL("../node_modules/@e2b/cli/dist/index.js", import.meta.url).pathname;
let home;
let sandboxId;

function cli(words, { input = "", env = {} } = {}) {
  const { PATH, E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL, E2B_DOMAIN } = process.env;
  const child = spawn(process.execPath, [program, ...words], {
    env: { PATH, HOME: home, E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL, E2B_DOMAIN, NO_COLOR: "1", ...env },
    timeout: 60_000,
  });
  child.stdin.end(input);
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, err })));
}

before(async () => {
  home = await mkdtemp(join(tmpdir(), "sandlot-cli-"));
  const made = await cli(["sandbox", "create", "base", "--detach"]);
  assert.equal(made.status, 0, made.err);
  [sandboxId] = /i[a-z0-9]{20}/.exec(made.out) ?? [];
  assert.ok(sandboxId, made.out);
});
after(async () => {
  await Sandbox.kill(sandboxId).catch(() => undefined);
  await rm(home, { recursive: true, force: true });
});

test("list and info know the sandbox", async () => {
  const list = await cli(["sandbox", "list"]);
  assert.equal(list.status, 0, list.err);
  assert.match(list.out, new RegExp(`${sandboxId} .*Running`));
  const json = JSON.parse((await cli(["sandbox", "list", "--format", "json"])).out);
  assert.ok(json.some((one) => one.sandboxId === sandboxId && one.envdVersion === "0.6.13"));
  const info = await cli(["sandbox", "info", sandboxId, "--format", "json"]);
  assert.equal(info.status, 0, info.err);
  assert.equal(JSON.parse(info.out).sandboxId, sandboxId);
});

test("exec runs a command, hands on its input and its exit status", async () => {
  const piped = await cli(["sandbox", "exec", sandboxId, "wc -c"], { input: "x".repeat(200_000) });
  assert.equal(piped.status, 0, piped.err);
  assert.equal(piped.out.trim(), "200000");
  const failed = await cli(["sandbox", "exec", sandboxId, "echo out; echo err >&2; exit 7"]);
  assert.deepEqual([failed.status, failed.out.trim()], [7, "out"]);
  assert.match(failed.err, /^err\n/);
});

test("metrics and logs are printed", async () => {
  await until(async () => (await Sandbox.getMetrics(sandboxId)).length > 0);
  const metrics = await cli(["sandbox", "metrics", sandboxId, "--format", "json"]);
  assert.equal(metrics.status, 0, metrics.err);
  assert.match(metrics.out, /"cpuCount":2/);
  const logs = await cli(["sandbox", "logs", sandboxId]);
  assert.equal(logs.status, 0, logs.err);
  assert.match(logs.out, /INFO.*sandbox created/);
  assert.match(stripVTControlCharacters(logs.out), /logger: 'envd', message: 'listening'/);
  const json = await cli(["sandbox", "logs", sandboxId, "--format", "json", "--loggers", "sandbox"]);
  const lines = json.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.ok(lines.every(({ logger, level }) => logger === "sandbox" && level === "info"));
});

test("pause and resume keep what runs, and a second pause says that it is paused", async () => {
  const stateOf = async () => (await api("GET", `/sandboxes/${sandboxId}`)).json.state;
  const paused = await cli(["sandbox", "pause", sandboxId]);
  assert.equal(paused.status, 0, paused.err);
  assert.equal(await stateOf(), "paused");
  const again = await cli(["sandbox", "pause", sandboxId]);
  assert.match(again.out + again.err, /already paused/i);
  const resumed = await cli(["sandbox", "resume", sandboxId]);
  assert.equal(resumed.status, 0, resumed.err);
  assert.equal(await stateOf(), "running");
});

test("templates are listed, and a wrong key is told so", async () => {
  const list = await cli(["template", "list"]);
  assert.equal(list.status, 0, list.err);
  assert.match(list.out, /base/);
  const wrong = await cli(["sandbox", "list"], { env: { E2B_API_KEY: `e2b_${"0".repeat(40)}` } });
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.out + wrong.err, /API key/);
});

test("kill ends it, and a second one says that it is gone", async () => {
  const killed = await cli(["sandbox", "kill", sandboxId]);
  assert.equal(killed.status, 0, killed.err);
  assert.equal((await api("GET", `/sandboxes/${sandboxId}`)).status, 404);
  const again = await cli(["sandbox", "kill", sandboxId]);
  assert.match(again.out + again.err, /(wasn't|not) found/i);
});

test("a user's token tells the teams, each with a key that works", async () => {
  const token = process.env.E2B_ACCESS_TOKEN;
  assert.match(token ?? "", /^sk_e2b_[0-9a-f]{40}$/);
  const teams = await fetch(`${process.env.E2B_API_URL}/teams`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(teams.status, 200);
  const [team] = await teams.json();
  assert.equal(team.isDefault, true);
  const list = await cli(["sandbox", "list"], { env: { E2B_API_KEY: team.apiKey } });
  assert.equal(list.status, 0, list.err);
});
