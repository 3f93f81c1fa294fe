import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, create, until } from "./support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});

async function watched(dir, options) {
  const events = [];
  const handle = await sandbox.files.watchDir(dir, (event) => events.push(event), options);
  const has = (type, name) =>
    until(() => events.find((event) => event.type === type && event.name === name), { what: `${type} of ${name}` });
  return { events, handle, has };
}

test("tells creates, writes, renames, chmods and removes", async () => {
  await sandbox.files.makeDir("w");
  const { has, handle } = await watched("w");
  await sandbox.files.write("w/one.txt", "1");
  await has("create", "one.txt");
  await has("write", "one.txt");
  await sandbox.commands.run("chmod 600 w/one.txt");
  await has("chmod", "one.txt");
  await sandbox.files.rename("w/one.txt", "w/two.txt");
  await has("rename", "one.txt");
  await has("create", "two.txt");
  await sandbox.files.remove("w/two.txt");
  await has("remove", "two.txt");
  await handle.stop();
});

test("watches below, also in directories made later", async () => {
  await sandbox.files.makeDir("r/old");
  const { has, handle } = await watched("r", { recursive: true });
  await sandbox.files.write("r/old/file.txt", "x");
  await has("write", "old/file.txt");
  await sandbox.files.makeDir("r/fresh/deep");
  await has("create", "fresh");
  await sandbox.files.write("r/fresh/deep/file.txt", "x");
  await has("write", "fresh/deep/file.txt");
  await handle.stop();
});

test("carries the entry when asked", async () => {
  await sandbox.files.makeDir("e");
  const { has, handle } = await watched("e", { includeEntry: true });
  await sandbox.files.write("e/file.txt", "12345");
  const event = await has("write", "file.txt");
  assert.equal(event.entry?.path, "/home/user/e/file.txt");
  await handle.stop();
});

test("refuses files and what is not there", async () => {
  await sandbox.files.write("plain.txt", "x");
  await assert.rejects(
    sandbox.files.watchDir("plain.txt", () => undefined),
    client.InvalidArgumentError,
  );
  await assert.rejects(
    sandbox.files.watchDir("nowhere", () => undefined),
    client.NotFoundError,
  );
});

test("ends by its own timeout with an onExit", async () => {
  await sandbox.files.makeDir("t");
  let ended;
  await sandbox.files.watchDir("t", () => undefined, {
    timeoutMs: 600,
    onExit: (error) => {
      ended = error ?? true;
    },
  });
  await until(() => ended, { what: "onExit" });
});
