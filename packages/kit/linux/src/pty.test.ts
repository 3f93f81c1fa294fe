import { expect, test } from "bun:test";
import { closeSync, statSync } from "node:fs";
import { withCreds } from "./creds";
import { writeSome } from "./pipes";
import { openPty, resizePty } from "./pty";

const NOBODY = { uid: 65534, gid: 65534, groups: [65534] };

test("openPty: the far end is the user's, has the size, and is a controlling terminal", async () => {
  const pty = openPty({ size: { cols: 100, rows: 30 }, owner: NOBODY });
  expect(statSync(pty.path).uid).toBe(65534);
  const script = 'exec <>"$0" >&0 2>&0; stty size; read go; stty size; echo again >/dev/tty; sleep 30; echo rc=$?';
  const child = withCreds(NOBODY, () =>
    Bun.spawn(["/bin/bash", "-c", `trap : INT; ${script}`, pty.path], { stdin: "ignore", detached: true, cwd: "/" }),
  );
  let text = "";
  const reader = Bun.file(pty.masterFd).stream().getReader();
  const until = async (needle: string): Promise<void> => {
    while (!text.includes(needle)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`ended: ${text}`);
      text += Buffer.from(value).toString();
    }
  };
  await until("30 100");
  resizePty(pty.masterFd, { cols: 132, rows: 50 });
  writeSome(pty.masterFd, Buffer.from("go\n"));
  await until("50 132");
  await until("again");
  // The shell itself pays no heed: only once it has started the program does a key press end anything.
  const pressing = setInterval(() => writeSome(pty.masterFd, Buffer.from("\x03")), 50);
  await until("rc=130");
  clearInterval(pressing);
  expect(await child.exited).toBe(0);
  expect(reader.read()).rejects.toThrow("EIO");
  closeSync(pty.masterFd);
});
