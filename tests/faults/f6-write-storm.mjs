// What F6 shows, for as many cycles as it is asked for: a sandbox writes without pause while it is paused and resumed over and
// over; not one byte that it had written is lost or changed, and its programs never notice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHECKER, WRITER } from "../e2e/guest-programs.mjs";
import { create, until } from "../e2e/support.mjs";

export function writeStorm(cycles, { checkEvery }) {
  test(`F6 ${cycles} pauses and resumes in a storm of writes: nothing is lost, nothing is changed`, async () => {
    const sandbox = await create({ timeoutMs: 3_600_000 });
    await sandbox.files.write("/home/user/writer.py", WRITER);
    await sandbox.files.write("/home/user/checker.py", CHECKER);
    const words = "python3 /home/user/writer.py 2000 files";
    const writer = await sandbox.commands.run(words, { background: true, timeoutMs: 0 });
    await until(() => sandbox.files.exists("/home/user/journal"), { what: "the first record" });
    const stop = async () => sandbox.commands.run(`kill -STOP ${writer.pid}`);
    const go = async () => sandbox.commands.run(`kill -CONT ${writer.pid}`);
    let before = 0;
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      await sandbox.pause();
      await sandbox.connect({ timeoutMs: 3_600_000 });
      if (cycle % checkEvery !== 0 && cycle !== cycles) continue;
      await stop();
      const { stdout } = await sandbox.commands.run("python3 /home/user/checker.py", { timeoutMs: 120_000 });
      assert.ok(Number(stdout) > before, `it wrote nothing between ${before} and ${stdout}`);
      before = Number(stdout);
      await go();
    }
    await sandbox.kill();
  });
}
