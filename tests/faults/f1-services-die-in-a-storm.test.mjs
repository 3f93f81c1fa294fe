// F1: every service is killed outright while sandboxes are being made and ended; the state that is told afterwards is
// true and nothing is left. In an installation of the test's own, which ends without residue.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pause, until } from "../e2e/support.mjs";
import { startOwnInstallation } from "./own-installation.mjs";

let own;
before(async () => {
  own = await startOwnInstallation({ flags: ["--warm", "4"] });
});
after(async () => {
  if (own !== undefined) await own.end(); // a second time, after a failure above
});

/** Makes and ends sandboxes until told to stop; a failed call is what a storm is for. */
function storm() {
  let isOver = false;
  const kept = [];
  const worker = async (mayKeep) => {
    while (!isOver) {
      const sandbox = await own.create({ timeoutMs: 8_000, requestTimeoutMs: 10_000 }).catch(() => undefined);
      if (sandbox === undefined) await pause(50);
      else if (mayKeep && kept.length < 3) kept.push(sandbox);
      else await sandbox.kill({ requestTimeoutMs: 10_000 }).catch(() => undefined);
    }
  };
  const workers = [worker(true), worker(false), worker(false)];
  return async () => {
    isOver = true;
    await Promise.all(workers);
    return kept;
  };
}

const names = ["orchestrator", "api", "client-proxy", "redis", "postgres", "supervisor"];
for (const name of names) {
  test(`F1 ${name} is killed in a storm of creates and kills: what is told afterwards is true, and nothing lingers`, async () => {
    const stop = storm();
    await pause(400);
    if (name === "supervisor") {
      process.kill(await own.pidOf(name), "SIGKILL");
      await own.sandlot("up", "--detach");
    } else await own.killService(name);
    await pause(300);
    const kept = await stop();
    const fresh = await until(() => own.create().catch(() => undefined), { withinMs: 60_000, what: "a new sandbox" });
    assert.equal((await fresh.commands.run("echo new")).stdout, "new\n");
    await fresh.kill();
    for (const sandbox of kept) {
      // Told as running: then it is. Its time may come between two looks: then it is soon told as gone by both.
      const agree = async () => {
        const isListed = (await own.list()).some((item) => item.sandboxID === sandbox.sandboxId);
        return isListed === (await sandbox.isRunning().catch(() => false));
      };
      await until(agree, { withinMs: 5_000, everyMs: 200, what: `one word of ${sandbox.sandboxId}` });
      const ran = await sandbox.commands.run("echo here").catch(() => undefined);
      assert.ok(ran === undefined || ran.stdout === "here\n");
      await sandbox.kill().catch(() => undefined);
    }
    await until(async () => (await own.list()).length === 0, { withinMs: 60_000, everyMs: 250, what: "an empty list" });
    // Machines of nobody: only the warm ones stay.
    await until(() => own.held().machines <= 4, { withinMs: 60_000, everyMs: 200, what: "the end of orphans" });
  });
}

test("F1 taken down, the installation leaves nothing", async () => {
  assert.deepEqual(await own.end(), []);
  own = undefined;
});
