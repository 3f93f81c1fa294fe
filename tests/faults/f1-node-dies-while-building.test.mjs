// F1/F15: builds that are cut off. The node is killed while it builds, a build is superseded in every phase, a team cancels
// all of its own: each ends with a reason within seconds, and nothing of them stays on the host.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { killAndAwait } from "../e2e/installation.mjs";
import { api, client, create, until } from "../e2e/support.mjs";

const { Template } = client;
const name = `cut-${Math.random().toString(36).slice(2, 8)}`;
const small = { cpuCount: 1, memoryMB: 256 };
after(() => api("DELETE", `/templates/${name}`));

const status = (info) => Template.getBuildStatus(info);
const failed = (info, withinMs = 20_000) =>
  until(
    async () => {
      const found = await status(info).catch(() => undefined);
      return found?.status === "error" ? found : undefined;
    },
    { withinMs, everyMs: 100, what: "the build's failure" },
  );
const says = (info, text) =>
  until(async () => (await status(info)).logEntries.some((entry) => entry.message.includes(text)), {
    withinMs: 60_000,
    everyMs: 50,
    what: `"${text}" in the log`,
  });

/** Sleeps that a build of this file has begun: they are seen from the host, and live as long as their machine. */
const mark = `300.${Date.now() % 1_000_000}`;
async function sleepers() {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.startsWith("sleep\0") && line.includes(mark)).length;
}
const gone = () => until(async () => (await sleepers()) === 0, { withinMs: 60_000, what: "the machine's end" });

test("F1 the node is killed while a step runs: the build fails with a reason, the next one works", async () => {
  const recipe = Template().fromBaseImage().runCmd(`echo begun ${name}; sleep ${mark}`);
  const info = await Template.buildInBackground(recipe, name, small);
  await says(info, "[stdout]: begun");
  await killAndAwait("orchestrator");
  const { reason } = await failed(info);
  assert.match(reason.message, /builder was restarted/);
  await gone();
  const again = await until(
    () =>
      Template.build(Template().fromBaseImage().runCmd("echo whole > /home/user/x"), name, small).catch(
        () => undefined,
      ),
    { withinMs: 60_000, everyMs: 500, what: "a build after the restart" },
  );
  assert.ok(again.buildId);
  const sandbox = await create({ template: name });
  assert.equal((await sandbox.commands.run("cat /home/user/x")).stdout, "whole\n");
  await sandbox.kill();
  const staging = `${process.env.SANDLOT_DATA_DIR}/artifacts/staging`;
  const isEmpty = async () => (await readdir(staging).catch(() => [])).length === 0;
  await until(isEmpty, { what: "nothing half made in the store" });
});

const PHASES = [
  ["its steps", () => Template().fromBaseImage().runCmd(`echo phase-steps; sleep ${mark}`), "phase-steps"],
  [
    "its start command",
    () => Template().fromBaseImage().runCmd("true").setStartCmd(`echo phase-start; sleep ${mark}`, "false"),
    "[start] [stdout]: phase-start",
  ],
];
for (const [what, recipe, text] of PHASES) {
  test(`F1 a build is cancelled in ${what} by the next of its template, and leaves nothing`, async () => {
    const first = await Template.buildInBackground(recipe(), name, small);
    await says(first, text);
    await until(async () => (await sleepers()) === 1, { what: "its process on the host" });
    await Template.build(Template().fromBaseImage().runCmd("true"), name, small);
    assert.match((await failed(first)).reason.message, /cancelled/);
    await gone();
  });
}

test("F1 an administrator cancels all builds of a team", async () => {
  const info = await Template.buildInBackground(
    Template().fromBaseImage().runCmd(`echo wait; sleep ${mark}`),
    name,
    small,
  );
  await says(info, "[stdout]: wait");
  const secrets = JSON.parse(await readFile(`${process.env.SANDLOT_DATA_DIR}/secrets.json`, "utf8"));
  const teams = await fetch(`${process.env.E2B_API_URL}/teams`, {
    headers: { Authorization: `Bearer ${process.env.E2B_ACCESS_TOKEN}` },
  });
  const [team] = await teams.json();
  const answer = await api("POST", `/admin/teams/${team.teamID}/builds/cancel`, {
    headers: { "X-Admin-Token": secrets.adminToken },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.ok(answer.json.cancelledCount >= 1);
  assert.equal((await failed(info)).reason.message, "cancelled by admin");
  await gone();
});
