// lxcfs is killed outright. What machines have of it is a dead mount that answers nothing, until they are shown the next one:
// the live, and those that were kept ready.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { create, until } from "../e2e/support.mjs";

const markPath = `${process.env.SANDLOT_DATA_DIR}/run/lxcfs.json`;
const show = "head -n1 /proc/meminfo && cat /proc/uptime >/dev/null && free -m >/dev/null && nproc";
const seenIn = async (sandbox) => (await sandbox.commands.run(show)).stdout;

test("lxcfs is killed: sandboxes see their own memory again", { skip: !existsSync(markPath) }, async () => {
  const sandbox = await create();
  const before = await seenIn(sandbox);
  const { pid } = JSON.parse(readFileSync(markPath, "utf8"));
  process.kill(pid, "SIGKILL");
  await until(async () => (await seenIn(sandbox).catch(() => "")) === before, {
    withinMs: 60_000,
    everyMs: 200,
    what: "the machine's own figures",
  });
  assert.notEqual(JSON.parse(readFileSync(markPath, "utf8")).pid, pid);
  const fresh = await Promise.all([create(), create()]);
  for (const one of fresh) await until(async () => (await seenIn(one).catch(() => "")) === before, { what: "theirs" });
  assert.equal(await seenIn(sandbox), before);
  await Promise.all([sandbox, ...fresh].map((one) => one.kill()));
});
