// The disk under an installation fills up. Sandboxes are promised more disk than there is, so the node must stop starting
// new ones while those that run still have room, say so, and go on once there is room again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DISK_BYTES, startOnSmallDisk } from "./small-disk.mjs";

let small;
let own;

before(async () => {
  small = await startOnSmallDisk({ flags: ["--warm", "1"] });
  own = small.own;
});
after(() => small?.end());

const createByHand = () =>
  fetch(`${own.connection.apiUrl}/sandboxes`, {
    method: "POST",
    headers: { "X-API-Key": own.connection.apiKey, "Content-Type": "application/json" },
    body: JSON.stringify({ templateID: "base" }),
  });

/** Doctor's exit code is 1 then, and its words are on the output all the same. */
async function diskFinding() {
  const printed = await own.sandlot("doctor", "--json").catch((error) => error.stdout);
  return JSON.parse(printed)
    .areas.flatMap(({ findings }) => findings)
    .find(({ topic }) => topic === "disk");
}

test("below the watermark nothing new starts, what runs goes on, and room cures it", async () => {
  const sandbox = await own.create();
  assert.notEqual((await diskFinding()).state, "problem");
  small.fillTo(DISK_BYTES * 0.03); // of the 5 % that must stay free

  const refused = await createByHand();
  assert.equal(refused.status, 503);
  const { disk: told } = JSON.parse(await own.sandlot("status", "--json"));
  assert.equal(told.isLow, true);
  assert.equal((await diskFinding()).state, "problem");

  await sandbox.commands.run("head -c 8000000 /dev/urandom > kept && sync");
  assert.equal((await sandbox.commands.run("wc -c < kept")).stdout.trim(), "8000000");

  small.empty();
  const again = await createByHand();
  assert.equal(again.status, 201);
  assert.equal(JSON.parse(await own.sandlot("status", "--json")).disk.isLow, false);
});
