// D8: other users of the host. What sandboxes have written, and their memory, lies in the data directory; whoever has a
// shell on the host and is not root must be able to open none of it, by whatever path.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { create } from "../e2e/support.mjs";

const run = promisify(execFile);
const data = process.env.SANDLOT_DATA_DIR;
const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"];

/** Whether that user can open the file, or list the directory, when somebody has told him its name. */
async function canOpen(path, what) {
  const words = what === "directory" ? ["ls", path] : ["head", "-c", "1", path];
  return await run("setpriv", [...asNobody, ...words]).then(
    () => true,
    (error) => {
      assert.match(error.stderr, /Permission denied/, path);
      return false;
    },
  );
}

async function filesBelow(dir) {
  const { stdout } = await run("find", [dir, "-xdev", "-type", "f"], { maxBuffer: 1 << 26 });
  return stdout.split("\n").filter((path) => path !== "");
}

test("D8 no other user of the host opens sealed files, sealed memory, or a living sandbox's disk", async () => {
  const [paused, living] = [await create(), await create()];
  await paused.files.write("/home/user/secret", "a secret\n");
  await living.files.write("/home/user/secret", "a secret\n");
  await paused.pause();
  // That the search itself works: a file that may be read is found to be.
  assert.equal(await canOpen("/etc/os-release"), true);
  const kinds = { artifacts: /\/(layers|builds)\//, "build-cache": /./, node: /\/(machines|uppers)\// };
  for (const [name, wanted] of Object.entries(kinds)) {
    const dir = join(data, name);
    const files = (await filesBelow(dir)).filter((path) => wanted.test(path));
    if (name !== "build-cache") assert.ok(files.length > 0, dir);
    assert.equal(await canOpen(dir, "directory"), false, dir);
    for (const path of files.slice(-40)) assert.equal(await canOpen(path), false, path);
  }
  const mounted = join(data, "node/layers");
  for (const layer of await readdir(mounted)) assert.equal(await canOpen(join(mounted, layer), "directory"), false);
  assert.equal(await paused.kill(), true);
  assert.equal(await living.kill(), true);
});
