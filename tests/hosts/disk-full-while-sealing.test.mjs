// The disk fills up while a sandbox is being paused: the pause is refused in words, the sandbox runs on unharmed with all
// its memory and files, nothing of the attempt stays, and once there is room the same pause works.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../e2e/support.mjs";
import { startOnSmallDisk } from "./small-disk.mjs";

let small;
let own;

before(async () => {
  // Without a watermark, so that it is the disk that says no and not our own foresight.
  small = await startOnSmallDisk({ flags: ["--warm", "1", "--disk-reserve", "0"] });
  own = small.own;
});
after(() => small?.end());

test("a pause on a full disk is refused, the sandbox goes on, and the pause works once there is room", async () => {
  const sandbox = await own.create({ timeoutMs: 600_000 });
  await sandbox.files.write("/home/user/kept.txt", "kept");
  // 300 MB of memory that no compression makes small, and a number that only this process knows.
  const hold =
    "import os,time,hashlib; kept=os.urandom(300_000_000); open('/tmp/sum','w').write(hashlib.sha256(kept).hexdigest());\n" +
    "while True:\n time.sleep(0.2); open('/tmp/beat','w').write(hashlib.sha256(kept[:1000]).hexdigest()+' '+str(time.time()))";
  await sandbox.files.write("/home/user/hold.py", hold);
  await sandbox.commands.run("python3 /home/user/hold.py", { background: true, timeoutMs: 0 });
  const beat = async () => (await sandbox.commands.run("cat /tmp/beat")).stdout;
  await until(() => beat().catch(() => undefined), { withinMs: 60_000, what: "the first beat" });

  const builds = () => readdirSync(join(own.dataDir, "artifacts/builds")).length;
  const before = builds();
  small.fillTo(120 * 1024 ** 2);
  const thrown = await sandbox.pause({ requestTimeoutMs: 60_000 }).then(
    () => assert.fail("it was paused on a full disk"),
    (error) => error,
  );
  assert.match(String(thrown), /disk|room|space/i);
  assert.equal((await sandbox.getInfo()).state, "running");
  const [hash, time] = (await beat()).split(" ");
  await until(async () => (await beat()).split(" ")[1] > time, { what: "another beat" });
  assert.equal((await beat()).split(" ")[0], hash);
  assert.equal(await sandbox.files.read("/home/user/kept.txt"), "kept");
  assert.equal(builds(), before);
  assert.deepEqual(readdirSync(join(own.dataDir, "artifacts/staging")), []);

  small.empty();
  await sandbox.pause({ requestTimeoutMs: 60_000 });
  await sandbox.connect({ timeoutMs: 600_000 });
  assert.equal((await beat()).split(" ")[0], hash);
  assert.equal(await sandbox.files.read("/home/user/kept.txt"), "kept");
  await sandbox.kill();
});
