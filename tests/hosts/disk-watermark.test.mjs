// The disk under an installation fills up. Sandboxes are promised more disk than there is, so the node must stop starting
// new ones while those that run still have room, say so, and go on once there is room again.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startOwnInstallation } from "../faults/own-installation.mjs";

const SIZE = 3 * 1024 ** 3;
let place;
let disk;
let own;

before(async () => {
  place = mkdtempSync(join(tmpdir(), "sandlot-disk-"));
  chmodSync(place, 0o711);
  const image = join(place, "image");
  disk = join(place, "disk");
  writeFileSync(image, "");
  truncateSync(image, SIZE);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
  mkdirSync(disk);
  execFileSync("mount", ["-o", "loop", image, disk]);
  own = await startOwnInstallation({ parent: disk, flags: ["--warm", "1"] });
});
after(async () => {
  try {
    if (own !== undefined) assert.deepEqual(await own.end(), []);
  } finally {
    execFileSync("umount", ["-l", disk]);
    rmSync(place, { recursive: true, force: true });
  }
});

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
  const ballast = join(disk, "ballast");
  const { bavail, bsize } = statfsSync(disk);
  const leave = SIZE * 0.03; // of the 5 % that must stay free
  execFileSync("fallocate", ["-l", String(Math.floor(bavail * bsize - leave)), ballast]);

  const refused = await createByHand();
  assert.equal(refused.status, 503);
  const { disk: told } = JSON.parse(await own.sandlot("status", "--json"));
  assert.equal(told.isLow, true);
  assert.equal((await diskFinding()).state, "problem");

  await sandbox.commands.run("head -c 8000000 /dev/urandom > kept && sync");
  assert.equal((await sandbox.commands.run("wc -c < kept")).stdout.trim(), "8000000");

  rmSync(ballast);
  const again = await createByHand();
  assert.equal(again.status, 201);
  assert.equal(JSON.parse(await own.sandlot("status", "--json")).disk.isLow, false);
});
