// F1, F5 and F6 for virtual machines: their process, or the node, is killed; what was saved is damaged; writing goes on
// through pauses. Bounded: what is meant for hours is in tests/soak.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CHECKER, WRITER } from "../guest-programs.mjs";
import { pause, until } from "../support.mjs";
import { isAlive, vmmOf } from "./host-side.mjs";

/** Files of the youngest build with sealed memory of a virtual machine. */
function youngestSeal(own) {
  const builds = join(own.dataDir, "artifacts/builds");
  const [youngest] = readdirSync(builds)
    .filter((id) => !id.endsWith(".qemu") && readdirSync(join(builds, id)).includes("memory"))
    .sort((a, b) => statSync(join(builds, b)).mtimeMs - statSync(join(builds, a)).mtimeMs);
  return join(builds, youngest);
}

/** As a broken disk would. @returns how to undo it */
function flipBit(path) {
  const good = readFileSync(path);
  const bad = Buffer.from(good);
  bad[Math.floor(bad.length / 2)] ^= 1;
  writeFileSync(path, bad);
  return () => writeFileSync(path, good);
}

export function faults({ own, create, infoOf, resume, ask, startOracle, api, run, slow }) {
  test("F1 the node is killed outright: machines run on, and are taken over", slow, async () => {
    const sandbox = await create();
    const first = await startOracle(sandbox);
    const vmm = vmmOf(own(), sandbox.sandboxId);
    await own().killService("orchestrator");
    assert.ok(isAlive(vmm), "its process lives");
    const again = await until(() => ask(sandbox).catch(() => undefined), { withinMs: 60_000, what: "its answer" });
    assert.deepEqual([again.pid, again.kept], [first.pid, first.kept]);
    assert.equal((await infoOf(sandbox)).state, "running");
    await sandbox.kill();
    await until(() => !isAlive(vmm), { what: "the end of its process" });
  });

  test(
    "F1 a machine's process is killed outright: its sandbox is told as gone, and nothing of it stays",
    slow,
    async () => {
      const sandbox = await create();
      const vmm = vmmOf(own(), sandbox.sandboxId);
      process.kill(vmm, "SIGKILL");
      const isGone = async () => (await api("GET", `/sandboxes/${sandbox.sandboxId}`)).status === 404;
      await until(isGone, { withinMs: 60_000, everyMs: 100, what: "that it is told as gone" });
      assert.equal(isAlive(vmm), false);
    },
  );

  test("F5 damaged memory is refused, stays paused, and wakes once it is good again", slow, async () => {
    const sandbox = await create();
    const first = await startOracle(sandbox);
    const vmm = vmmOf(own(), sandbox.sandboxId);
    await sandbox.pause();
    // As want of memory would: the next resume reads the disk.
    process.kill(vmm, "SIGKILL");
    await until(() => !isAlive(vmm), { what: "the end of its frozen machine" });
    await pause(500);
    const memory = join(youngestSeal(own()), "memory");
    const files = readdirSync(memory).filter((name) => name !== "identity.json");
    assert.ok(files.length >= 2, files.join(" "));
    for (const name of files) {
      const undo = flipBit(join(memory, name));
      const outcome = await resume(sandbox).then(
        () => "woken",
        (error) => String(error),
      );
      undo();
      assert.doesNotMatch(outcome, /^woken$|timed? ?out/i, name);
      assert.equal((await infoOf(sandbox)).state, "paused", name);
    }
    const isWoken = () =>
      resume(sandbox).then(
        () => true,
        () => false,
      );
    await until(isWoken, { withinMs: 60_000, everyMs: 200, what: "the wake" });
    assert.equal((await ask(sandbox)).kept, first.kept);
    await sandbox.kill();
  });

  test("F6 five pauses and resumes in a storm of writes: nothing is lost, nothing is changed", slow, async () => {
    const sandbox = await create();
    await sandbox.files.write("/home/user/writer.py", WRITER);
    await sandbox.files.write("/home/user/checker.py", CHECKER);
    await run(sandbox, "setsid nohup python3 writer.py 1000 > /dev/null 2>&1 < /dev/null &");
    await until(() => sandbox.files.exists("/home/user/journal"), { what: "the first record" });
    let before = 0;
    for (let cycle = 0; cycle < 5; cycle += 1) {
      await sandbox.pause();
      await resume(sandbox);
      await run(sandbox, "pkill -STOP -f '[w]riter.py'");
      const count = Number(await run(sandbox, "python3 /home/user/checker.py", { timeoutMs: 60_000 }));
      assert.ok(count > before, `it wrote nothing between ${before} and ${count}`);
      before = count;
      await run(sandbox, "pkill -CONT -f '[w]riter.py'");
    }
    await sandbox.kill();
  });
}
