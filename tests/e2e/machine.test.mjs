// What a sandbox's machine is made of, as seen from inside.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "./support.mjs";

test("the root is an overlay that keeps an index and can export handles, with a bounded disk on top", async () => {
  const sandbox = await create();
  const mounts = (await sandbox.commands.run("cat /proc/self/mounts")).stdout.split("\n");
  const root = mounts.find((line) => line.split(" ")[1] === "/");
  assert.match(root, / overlay rw,/);
  // Watchers can be written into a snapshot only through these two.
  assert.match(root, /index=on/);
  assert.match(root, /nfs_export=on/);
  const size = Number((await sandbox.commands.run("df --output=size -B1 / | tail -1")).stdout);
  assert.ok(size > 9 * 2 ** 30 && size <= 10 * 2 ** 30, `${size} bytes`);
});

test("memory and processes are bounded, and the sandbox sees its own bounds", async () => {
  const sandbox = await create();
  const total = Number((await sandbox.commands.run("awk '/MemTotal/ {print $2}' /proc/meminfo")).stdout);
  assert.equal(total, 1024 * 1024);
  await assert.rejects(sandbox.commands.run("python3 -c 'x = bytearray(3 * 2**30)'"), (error) => error.exitCode !== 0);
  assert.equal((await sandbox.commands.run("echo still here")).stdout, "still here\n");
});
