import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, create, pause, until } from "./support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});

test("runs as user by default, as root when asked, in the template's working directory", async () => {
  const mine = await sandbox.commands.run("id -un; pwd; echo $HOME; sudo id -un");
  assert.equal(mine.stdout, "user\n/home/user\n/home/user\nroot\n");
  const root = await sandbox.commands.run("id -un; pwd", { user: "root" });
  assert.equal(root.stdout, "root\n/home/user\n");
});

test("an unknown user is refused", async () => {
  await assert.rejects(sandbox.commands.run("true", { user: "nobody-here" }), (error) =>
    /invalid username/.test(error.message),
  );
});

test("supplementary groups are real", async () => {
  await sandbox.commands.run("groupadd -f extra && usermod -aG extra user", { user: "root" });
  assert.match((await sandbox.commands.run("id -Gn")).stdout, /\bextra\b/);
});

test("streams output as it happens, both streams apart", async () => {
  const seen = [];
  const result = await sandbox.commands.run("echo one; echo two >&2; sleep 1.5; echo three", {
    onStdout: (text) => seen.push(["out", text, Date.now()]),
    onStderr: (text) => seen.push(["err", text, Date.now()]),
  });
  assert.equal(result.stdout, "one\nthree\n");
  assert.equal(result.stderr, "two\n");
  const first = seen.find(([, text]) => text.includes("one"))[2];
  const last = seen.find(([, text]) => text.includes("three"))[2];
  assert.ok(last - first >= 500, "output is not held back");
});

test("a failing command throws with code and streams", async () => {
  await assert.rejects(sandbox.commands.run("echo out; echo err >&2; exit 7"), (error) => {
    assert.ok(error instanceof client.CommandExitError);
    assert.equal(error.exitCode, 7);
    assert.equal(error.stdout, "out\n");
    assert.equal(error.stderr, "err\n");
    return true;
  });
  await assert.rejects(sandbox.commands.run("no-such-program"), (error) => error.exitCode === 127);
});

test("children get pipes, not sockets", async () => {
  const result = await sandbox.commands.run("echo through > /dev/stdout; readlink /proc/self/fd/1");
  assert.match(result.stdout, /^through\npipe:/);
});

test("stdin is empty unless asked for, then fed and closed", async () => {
  assert.equal((await sandbox.commands.run("cat | wc -c")).stdout.trim(), "0");
  const reader = await sandbox.commands.run("cat", { background: true, stdin: true });
  await sandbox.commands.sendStdin(reader.pid, "héllo\n");
  await sandbox.commands.sendStdin(reader.pid, "wörld");
  await sandbox.commands.closeStdin(reader.pid);
  assert.equal((await reader.wait()).stdout, "héllo\nwörld");
});

test("a background command is listed, killed, and then unknown", async () => {
  const sleeper = await sandbox.commands.run("sleep 300", { background: true });
  const listed = (await sandbox.commands.list()).find((process) => process.pid === sleeper.pid);
  assert.deepEqual([listed.cmd, listed.args], ["/bin/bash", ["-l", "-c", "sleep 300"]]);
  assert.equal(await sandbox.commands.kill(sleeper.pid), true);
  await assert.rejects(sleeper.wait(), (error) => error.exitCode === -1 && /signal: killed/.test(error.message));
  await until(async () => !(await sandbox.commands.kill(sleeper.pid)), { what: "an unknown pid" });
});

test("a second client attaches to a running command", async () => {
  const counter = await sandbox.commands.run("for i in 1 2 3 4 5 6; do echo n$i; sleep 0.5; done; exit 3", {
    background: true,
  });
  await pause(300);
  await counter.disconnect();
  const attached = await sandbox.commands.connect(counter.pid);
  await assert.rejects(attached.wait(), (error) => error.exitCode === 3 && error.stdout.includes("n6"));
});

test("its own timeout ends a command and leaves the sandbox", async () => {
  const started = Date.now();
  await assert.rejects(sandbox.commands.run("sleep 60", { timeoutMs: 700 }), client.TimeoutError);
  assert.ok(Date.now() - started < 30_000);
  assert.equal(await sandbox.isRunning(), true);
  await until(async () => !(await sandbox.commands.list()).some((process) => process.args.includes("sleep 60")), {
    what: "the end of the timed-out command",
  });
});

test("a missing working directory is refused", async () => {
  await assert.rejects(sandbox.commands.run("true", { cwd: "/no/such/place" }), (error) =>
    /does not exist/.test(error.message),
  );
  assert.equal((await sandbox.commands.run("pwd", { cwd: "/tmp" })).stdout, "/tmp\n");
});

test("large output arrives whole", async () => {
  const result = await sandbox.commands.run("head -c 8000000 /dev/zero | tr '\\0' x");
  assert.equal(result.stdout.length, 8_000_000);
});

test("multi-byte characters survive chunk borders", async () => {
  const result = await sandbox.commands.run("for i in $(seq 1 20000); do printf 'ä€😀'; done");
  assert.equal(result.stdout, "ä€😀".repeat(20_000));
});

test("thirty commands at once each get their own answer", async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => sandbox.commands.run(`echo ${n}`)));
  assert.deepEqual(
    answers.map((answer) => answer.stdout.trim()),
    Array.from({ length: 30 }, (_, n) => String(n)),
  );
});

test("envd that dies comes back with the same token, and the sandbox goes on", async () => {
  const own = await create({ envs: { KEPT: "yes" } });
  await own.files.write("still.txt", "there");
  await own.commands.run("sudo pkill -9 envd").catch(() => undefined);
  await until(async () => (await own.commands.run("echo $KEPT").catch(() => undefined))?.stdout === "yes\n", {
    withinMs: 60_000,
    everyMs: 200,
    what: "envd's return",
  });
  assert.equal(await own.files.read("still.txt"), "there");
});

test("a kill cuts the running stream and says that the sandbox is gone", async () => {
  const own = await create();
  const running = own.commands.run("sleep 100", { background: true });
  const handle = await running;
  const waiting = assert.rejects(handle.wait(), client.TimeoutError);
  await pause(200);
  await own.kill();
  await waiting;
  assert.equal(await own.isRunning(), false);
});
