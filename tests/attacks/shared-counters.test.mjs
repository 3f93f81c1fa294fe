// The kernel keeps some counters per user of the host, and to it all sandboxes are one user. One that takes all it can of
// them must not leave the others without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toPort } from "../e2e/support.mjs";

const TAKE = `import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
taken = 0
while taken < 5000 and libc.inotify_init1(0o2000000) >= 0:
    taken += 1
print(taken, ctypes.get_errno(), flush=True)
time.sleep(300)
`;

test("a sandbox that takes every watcher it can leaves 200 to another", async () => {
  const [greedy, other] = await Promise.all([create(), create()]);
  await greedy.files.write("take.py", TAKE);
  let said = "";
  const taker = await greedy.commands.run("ulimit -n hard; python3 take.py & sudo python3 take.py", {
    background: true,
    timeoutMs: 0,
    onStdout: (text) => {
      said += text;
    },
  });
  while (said.split("\n").length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  const taken = said
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
  // The host's 128 of before are many times gone; what ends it is its own limit on open files.
  assert.ok(taken[0][0] + taken[1][0] > 1_000, said);

  const ask = async (method, body) => {
    const answer = await toPort(other.sandboxId, 49983, `/filesystem.Filesystem/${method}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Access-Token": other.envdAccessToken },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  };
  await other.commands.run("for i in $(seq 200); do mkdir -p w/$i; done");
  const watchers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => ask("CreateWatcher", { path: `/home/user/w/${index + 1}` })),
  );
  await other.commands.run("for i in $(seq 200); do echo x > w/$i/file; done");
  for (const { watcherId } of watchers) {
    const { events } = await ask("GetWatcherEvents", { watcherId });
    assert.ok(
      events.some(({ name }) => name === "file"),
      JSON.stringify(events),
    );
  }
  await taker.kill();
});
