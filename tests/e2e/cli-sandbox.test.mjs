// `sandlot sandbox ls|kill|exec|shell` against sandboxes of the running installation.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { create, until } from "./support.mjs";

const program = new URL("../../sandlot", import.meta.url).pathname;
const data = ["--data", process.env.SANDLOT_DATA_DIR];

/** Runs it with `input`, or with none at all. */
function sandbox(words, { input } = {}) {
  return new Promise((resolve) => {
    const [what, ...rest] = words;
    const options = { encoding: "buffer", timeout: 60_000, maxBuffer: 1 << 26 };
    const child = execFile(program, ["sandbox", what, ...data, ...rest], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : error.code, bytes: out, out: out.toString(), err: err.toString() }),
    );
    child.stdin.on("error", () => undefined); // it may end before it has read all
    child.stdin.end(input);
  });
}

test("ls shows a sandbox and what is left of its time, as a table and as JSON", async () => {
  const { sandboxId } = await create();
  const line = (await sandbox(["ls"])).out.split("\n").find((row) => row.startsWith(sandboxId));
  assert.match(line, /base +running +2 vCPU, 1024 MiB +(\d min )?\d+ s$/);
  const listed = JSON.parse((await sandbox(["ls", "--json"])).out).sandboxes;
  assert.ok(listed.some((one) => one.sandboxID === sandboxId));
});

test("exec keeps the streams apart, hands the words on as they are, and passes the exit code", async () => {
  const { sandboxId } = await create();
  const ran = await sandbox([
    "exec",
    sandboxId,
    "sh",
    "-c",
    'echo "$0|$1"; echo bad >&2; exit 7',
    "two words",
    "--json",
  ]);
  assert.deepEqual(
    { code: ran.code, out: ran.out, err: ran.err },
    { code: 7, out: "two words|--json\n", err: "bad\n" },
  );
  assert.equal((await sandbox(["exec", sandboxId, "sh", "-c", "kill -9 $$"])).code, 137);
  const place = await sandbox(["exec", "--user", "root", "--cwd", "/tmp", "--", sandboxId, "sh", "-c", "id -un; pwd"]);
  assert.equal(place.out, "root\n/tmp\n");
});

test("exec carries bytes in and out unchanged, and ends the input", async () => {
  const { sandboxId } = await create();
  const bytes = randomBytes(3_000_000);
  const echoed = await sandbox(["exec", sandboxId, "cat"], { input: bytes });
  assert.ok(echoed.bytes.equals(bytes));
  // A command that does not read must not be waited for by its input.
  assert.equal((await sandbox(["exec", sandboxId, "true"], { input: bytes })).code, 0);
});

test("Ctrl-C ends an exec's command in the sandbox too", async () => {
  const box = await create();
  const child = spawn(program, ["sandbox", "exec", ...data, box.sandboxId, "sleep", "987"], { stdio: "ignore" });
  const runs = async () => (await box.commands.run("pgrep -cx sleep || true")).stdout.trim() !== "0";
  await until(runs, { what: "the command in the sandbox" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  assert.equal(await ended, 143);
  assert.equal(await runs(), false);
});

test("shell is a terminal of the same size, can be left and joined again, and passes the exit code", async () => {
  const { sandboxId } = await create();
  const first = terminal(["shell", sandboxId]);
  await first.says("$ ");
  first.type("stty size; touch was-here; X=$((40 + 2))\r");
  await first.says("33 101");
  first.type("\x1d");
  assert.equal(await first.ended, 0);
  const pid = /--pid (\d+)/.exec(first.seen())?.[1];
  assert.ok(pid, first.seen());
  const second = terminal(["shell", "--pid", pid, sandboxId]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  second.type("echo X is $X\r");
  await second.says("X is 42");
  second.type("exit 5\r");
  assert.equal(await second.ended, 5);
});

test("kill ends a sandbox, and says so when there is none", async () => {
  const box = await create();
  assert.equal((await sandbox(["kill", box.sandboxId])).out, `ended ${box.sandboxId}\n`);
  assert.equal(await box.isRunning(), false);
  const again = await sandbox(["kill", box.sandboxId]);
  assert.deepEqual([again.code, again.err], [1, `sandlot: there is no sandbox ${box.sandboxId}\n`]);
  assert.equal(
    (await sandbox(["exec", "inosuchsandbox", "true"])).err,
    "sandlot: there is no sandbox inosuchsandbox\n",
  );
  assert.equal((await sandbox(["kill"])).code, 2);
});

/** The command under a terminal of 33 rows and 101 columns, which util-linux's script makes. */
function terminal([what, ...rest]) {
  const quote = (word) => `'${word}'`;
  const line = ["stty rows 33 cols 101; exec", quote(program), "sandbox", what, ...[...data, ...rest].map(quote)].join(
    " ",
  );
  const env = { ...process.env, SHELL: "/bin/sh", TERM: "xterm" };
  const child = spawn("script", ["-qefc", line, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] });
  let seen = "";
  child.stdout.on("data", (chunk) => {
    seen += chunk;
  });
  return {
    seen: () => seen,
    type: (keys) => child.stdin.write(keys),
    says: (text) =>
      until(() => seen.includes(text), { withinMs: 60_000, what: `${JSON.stringify(text)} on the terminal` }),
    ended: new Promise((resolve) => child.once("exit", resolve)),
  };
}
