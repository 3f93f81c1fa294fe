import assert from "node:assert/strict";
import { test } from "node:test";
import { create, until } from "./support.mjs";

async function openTerminal(sandbox, options = {}) {
  let output = "";
  const terminal = await sandbox.pty.create({
    cols: 80,
    rows: 24,
    onData: (data) => {
      output += new TextDecoder().decode(data);
    },
    ...options,
  });
  const type = (text) => sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode(text));
  return { terminal, type, text: () => output };
}

test("a terminal has a size, a job-controlling shell and an end", async () => {
  const sandbox = await create();
  const { terminal, type, text } = await openTerminal(sandbox, { envs: { WHO: "term" } });
  await type("tput cols; tty; echo $TERM-$WHO\n");
  await until(() => /80\r\n/.test(text()) && /\/dev\/pts\/\d+/.test(text()) && /xterm-256color-term\r\n/.test(text()), {
    what: "the first output",
  });
  await sandbox.pty.resize(terminal.pid, { cols: 132, rows: 50 });
  await type("tput cols; stty size\n");
  await until(() => /132\r\n/.test(text()) && /50 132/.test(text()), { what: "the new size" });
  await type("sleep 100\n");
  await until(() => /sleep 100\r\n/.test(text()), { what: "the echo" });
  await type("\u0003");
  await type("echo after=$?\n");
  await until(() => /after=130/.test(text()), { what: "Ctrl-C" });
  await type("sleep 77 &\n");
  await type("jobs\n");
  await until(() => /Running\s+sleep 77/.test(text()), { what: "job control" });
  await type("exit 7\n");
  await assert.rejects(terminal.wait(), (error) => error.exitCode === 7);
});

test("a terminal is killed", async () => {
  const sandbox = await create();
  const { terminal } = await openTerminal(sandbox);
  assert.equal(await sandbox.pty.kill(terminal.pid), true);
  await assert.rejects(terminal.wait());
  await until(async () => !(await sandbox.pty.kill(terminal.pid)), { what: "an unknown pid" });
});

test("the terminal belongs to its user", async () => {
  const sandbox = await create();
  const { type, text } = await openTerminal(sandbox);
  await type("stat -c %U $(tty)\n");
  await until(() => /[\r\n]user\r/.test(text()), { what: "the owner" });
});
