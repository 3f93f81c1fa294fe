// An older kernel's ways, forced on this one: layers through loop devices (before 6.12), overlays by paths (before 6.13), and
// cgroups v1 alone where this host has them. Sandboxes must be as good as any.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startOwnInstallation } from "../faults/own-installation.mjs";

const hasV1 = existsSync("/sys/fs/cgroup/memory/cgroup.procs");
const words = ["loop-layers", "overlay-paths", ...(hasV1 ? ["cgroup-v1"] : [])];
let own;

before(async () => {
  own = await startOwnInstallation({ flags: ["--runtime-force", words.join(","), "--warm", "1"] });
});
after(async () => {
  if (own !== undefined) assert.deepEqual(await own.end(), []);
});

const loopsOfLayers = () =>
  readdirSync("/sys/block").filter((name) => {
    const path = `/sys/block/${name}/loop/backing_file`;
    return existsSync(path) && readFileSync(path, "utf8").startsWith(`${own.dataDir}/artifacts/layers/`);
  });

/** The groups that hold this process of the host. */
const groupsOf = (pid) => readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");

function guestPids() {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return groupsOf(pid).some((line) => line.includes(`/sandlot-${own.tag}/`));
    } catch {
      return false;
    }
  });
}

test("sandboxes work on the ways of older kernels, and those ways are really taken", async () => {
  const [one, two] = await Promise.all([own.create(), own.create()]);
  assert.ok(loopsOfLayers().length > 0, "the base layer is not on a loop device");
  for (const pid of hasV1 ? guestPids() : []) {
    const unified = groupsOf(pid).find((line) => line.startsWith("0::")) ?? "0::/";
    assert.ok(!unified.includes(`sandlot-${own.tag}`), `process ${pid} is in ${unified}`);
  }
  const ran = await one.commands.run(
    "id -un; sudo touch /usr/local/made && stat -c %U /usr/local/made; python3 -c 'print(6*7)'",
  );
  assert.equal(ran.stdout, "user\nroot\n42\n");
  await one.files.write("notes.txt", "mine");
  assert.equal(await one.files.read("notes.txt"), "mine");
  await assert.rejects(two.files.read("notes.txt"));
  // Memory is bounded by the same limit, whatever the hierarchy.
  const greedy = await two.commands.run("python3 -c 'x = bytearray(3 << 30)' 2>&1; echo ended $?");
  assert.doesNotMatch(greedy.stdout, /ended 0/);
  assert.equal(await one.isRunning(), true);
  assert.equal(await one.kill(), true);
  assert.equal(await one.isRunning(), false);
});
