// What a client finds again: terminals it left, watches over trees that move, the sandbox by its id and by nothing else.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, create, pause, Sandbox, toPort, until } from "./support.mjs";

let sandbox;
before(async () => {
  sandbox = await create({ envs: { FROM_CREATE: "yes", E2B_SANDBOX_ID: "forged" } });
});

const bytes = (text) => new TextEncoder().encode(text);

function screen() {
  const decoder = new TextDecoder();
  const seen = { text: "" };
  seen.onData = (data) => {
    seen.text += decoder.decode(data, { stream: true });
  };
  return seen;
}

test("a terminal is left, goes on, and is joined again, by two at once", async () => {
  const first = screen();
  const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData: first.onData, timeoutMs: 0 });
  await sandbox.pty.sendInput(terminal.pid, bytes("export KEPT=here\n"));
  await until(() => first.text.includes("KEPT=here"), { what: "the echo" });
  await terminal.disconnect();
  await sandbox.pty.sendInput(terminal.pid, bytes("echo meanwhile > /tmp/meanwhile\n"));
  await until(() => sandbox.files.exists("/tmp/meanwhile"), { what: "work while nobody looks" });
  const [left, right] = [screen(), screen()];
  const joined = await sandbox.pty.connect(terminal.pid, { onData: left.onData });
  await sandbox.pty.connect(terminal.pid, { onData: right.onData });
  await sandbox.pty.sendInput(terminal.pid, bytes("echo still-$KEPT; exit 5\n"));
  await assert.rejects(joined.wait(), (error) => error.exitCode === 5);
  assert.match(left.text, /still-here\r\n/);
  await until(() => right.text.includes("still-here\r\n"), { what: "the second screen" });
  assert.doesNotMatch(left.text, /export KEPT/, "what nobody heard is not told again");
});

test("a terminal has the user, directory, environment and size asked for, and shows every alphabet", async () => {
  const seen = screen();
  const terminal = await sandbox.pty.create({
    cols: 101,
    rows: 33,
    user: "root",
    cwd: "/tmp",
    envs: { MINE: "yes" },
    onData: seen.onData,
  });
  await sandbox.pty.sendInput(
    terminal.pid,
    bytes('echo "<$(id -un) $PWD $MINE $FROM_CREATE $TERM $LANG $(stty size)>"; echo 日本語-😀\n'),
  );
  await until(() => seen.text.includes("<root /tmp yes yes xterm-256color C.UTF-8 33 101>"), { what: "its setting" });
  await until(() => seen.text.includes("日本語-😀\r\n"), { what: "other alphabets" });
  assert.equal(await sandbox.pty.kill(terminal.pid), true);
  assert.equal(await sandbox.pty.kill(terminal.pid), false);
  await assert.rejects(sandbox.pty.sendInput(terminal.pid, bytes("x")), client.NotFoundError);
  await assert.rejects(sandbox.pty.connect(999_999, { onData: () => undefined }), client.SandboxError);
});

test("much goes through a terminal, in and out", async () => {
  const seen = screen();
  const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData: seen.onData, timeoutMs: 60_000 });
  await sandbox.pty.sendInput(terminal.pid, bytes("stty -echo raw; head -c 300000 | sha256sum; exit\n"));
  await pause(700);
  const piece = "0123456789abcde\n".repeat(625);
  for (let n = 0; n < 30; n += 1) await sandbox.pty.sendInput(terminal.pid, bytes(piece));
  await terminal.wait();
  const { createHash } = await import("node:crypto");
  assert.ok(seen.text.includes(createHash("sha256").update(piece.repeat(30)).digest("hex")));
});

test("a watch follows a tree whose directories are renamed, moved in and moved out", async () => {
  await sandbox.commands.run("mkdir -p w/a/b outside/in");
  const events = [];
  const handle = await sandbox.files.watchDir("w", (event) => events.push(`${event.type} ${event.name}`), {
    recursive: true,
  });
  const has = (wanted) => until(() => events.includes(wanted), { what: `${wanted} among ${events.join(", ")}` });
  await sandbox.files.rename("w/a", "w/z");
  await has("rename a");
  await has("create z");
  await sandbox.files.write("w/z/b/deep.txt", "x");
  await has("write z/b/deep.txt");
  await sandbox.commands.run("mv outside/in w/in; sleep 0.1; echo x > w/in/file");
  await has("create in");
  await has("write in/file");
  await sandbox.commands.run("mv w/z/b outside/b");
  await has("rename z/b");
  await pause(200);
  events.length = 0;
  await sandbox.files.write("outside/b/unseen.txt", "x");
  await sandbox.files.write("w/last.txt", "x");
  await has("write last.txt");
  assert.ok(!events.some((event) => event.includes("unseen")), events.join(", "));
  await handle.stop();
  events.length = 0;
  await sandbox.files.write("w/after.txt", "x");
  await pause(300);
  assert.deepEqual(events, []);
});

test("a burst of changes is told whole and in order", async () => {
  await sandbox.files.makeDir("burst");
  const names = [];
  await sandbox.files.watchDir("burst", (event) => event.type === "create" && names.push(event.name), { timeoutMs: 0 });
  await sandbox.commands.run("cd burst && for i in $(seq -w 1 3000); do : > $i; done");
  await until(() => names.length >= 3000, { what: "all of them" });
  assert.deepEqual(
    names,
    Array.from({ length: 3000 }, (_, n) => String(n + 1).padStart(4, "0")),
  );
});

test("another client finds the sandbox and its commands by its id", async () => {
  const handle = await sandbox.commands.run("for i in $(seq 50); do echo tick; sleep 0.1; done", { background: true });
  const other = await Sandbox.connect(sandbox.sandboxId);
  assert.ok((await other.commands.list()).some(({ pid }) => pid === handle.pid));
  let heard = "";
  const joined = await other.commands.connect(handle.pid, {
    onStdout: (text) => {
      heard += text;
    },
  });
  await until(() => heard.includes("tick"), { what: "the command's voice" });
  assert.equal(await joined.kill(), true);
  await assert.rejects(handle.wait(), (error) => error.exitCode === -1);
});

test("the environment says where one is, and cannot be forged", async () => {
  const { stdout } = await sandbox.commands.run(
    'echo $E2B_SANDBOX $E2B_SANDBOX_ID $FROM_CREATE; cat /run/e2b/.E2B_SANDBOX_ID; echo; cat /run/e2b/.E2B_SANDBOX; echo; [ -n "$E2B_TEMPLATE_ID" ] && echo named',
  );
  const id = sandbox.sandboxId;
  assert.equal(stdout, `true ${id} yes\n${id}\ntrue\nnamed\n`);
  const again = await sandbox.commands.run("echo $ONLY_HERE", { envs: { ONLY_HERE: "once" } });
  assert.equal(again.stdout, "once\n");
  assert.equal((await sandbox.commands.run("echo $ONLY_HERE")).stdout, "\n");
});

test("the daemon wants the token, also from one that has another", async () => {
  const bare = (headers) =>
    toPort(sandbox.sandboxId, 49983, "/filesystem.Filesystem/Stat", {
      method: "POST",
      body: JSON.stringify({ path: "/" }),
      headers: { "Content-Type": "application/json", ...headers },
    });
  assert.equal((await bare({})).status, 401);
  assert.equal((await bare({ "X-Access-Token": "ea_wrong" })).status, 401);
  assert.equal((await bare({ "X-Access-Token": sandbox.envdAccessToken })).status, 200);
  assert.equal((await toPort(sandbox.sandboxId, 49983, "/health")).status, 204);
});
