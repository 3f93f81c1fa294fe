// `sandlot key create|ls|rm`: a key opens doors at once, and none a second after it was taken away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sandlot } from "./installation.mjs";
import { apiUrl, pause } from "./support.mjs";

const statusWith = async (key) => (await fetch(`${apiUrl}/sandboxes`, { headers: { "X-API-Key": key } })).status;
const listed = async () => JSON.parse(await sandlot("key", "ls", "--json"));

test("a key that was made works, is listed by its mask only, and is refused once taken away", async () => {
  const name = `ci ${process.pid}`;
  const key = (await sandlot("key", "create", name)).trim();
  assert.match(key, /^e2b_[0-9a-f]{40}$/);
  assert.equal(await statusWith(key), 200);
  const row = (await listed()).keys.find((one) => one.name === name);
  assert.equal(row.mask.maskedValueSuffix, key.slice(-4));
  assert.ok(!JSON.stringify(row).includes(key.slice(4)));
  assert.match(await sandlot("key", "rm", name), new RegExp(row.id));
  await pause(1_000);
  assert.equal(await statusWith(key), 401);
  await assert.rejects(sandlot("key", "rm", name), /there is no key called or numbered/);
});

test("a key of a name that several have is taken away by id, and the installation's own never", async () => {
  const name = `twice ${process.pid}`;
  const made = [];
  for (let at = 0; at < 2; at += 1) made.push(JSON.parse(await sandlot("key", "create", name, "--json")));
  await assert.rejects(sandlot("key", "rm", name), new RegExp(`several keys are called.*${made[0].id}`));
  for (const { id } of made) await sandlot("key", "rm", id);
  const { own } = await listed();
  await assert.rejects(sandlot("key", "rm", own), /the installation's own key/);
});
