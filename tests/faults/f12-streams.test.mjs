// F12: what streams go through beside e2e/streams (a gigabyte, slow readers, exit status after a disconnect, input):
// clients that vanish in the middle of much output, lines at speed, a storm of terminal sizes, and pids to come back by.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, pause, toPort, until } from "../e2e/support.mjs";

const envdMiB = async (sandbox) => {
  const look = `sudo sh -c 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */sandlot/envd) grep VmRSS $p/status;; esac; done'`;
  return Number(/(\d+) kB/.exec((await sandbox.commands.run(look)).stdout)[1]) / 1024;
};

/** A raw stream of one command's output, so that it can be torn at any byte. */
async function startRaw(sandbox, command, signal) {
  const body = Buffer.from(JSON.stringify({ process: { cmd: "/bin/bash", args: ["-c", command] } }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return toPort(sandbox.sandboxId, 49983, "/process.Process/Start", {
    method: "POST",
    body: Buffer.concat([head, body]),
    signal,
    headers: {
      "Content-Type": "application/connect+json",
      "Connect-Protocol-Version": "1",
      "X-Access-Token": sandbox.envdAccessToken,
    },
  });
}

test("F12 sixteen clients vanish in the middle of a gigabyte each: the commands end, envd stays small", async () => {
  const sandbox = await create();
  await sandbox.commands.run("true");
  const before = await envdMiB(sandbox);
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const gone = new AbortController();
        const answer = await startRaw(sandbox, "head -c 1000000000 /dev/zero", gone.signal);
        let readBytes = 0;
        const enough = 100_000 * at;
        await (async () => {
          for await (const piece of answer.body) {
            readBytes += piece.length;
            if (readBytes > enough) gone.abort();
          }
        })().catch(() => undefined);
        assert.ok(readBytes > enough);
      }),
    );
  }
  // Nobody listens any more: what is left is read, thrown away, and ends.
  const running = () => sandbox.commands.run("pgrep -c -x head || true").then((result) => Number(result.stdout));
  await until(async () => (await running()) === 0, { withinMs: 60_000, everyMs: 500, what: "the end of the commands" });
  await pause(500);
  const grown = (await envdMiB(sandbox)) - before;
  assert.ok(grown < 80, `envd grew by ${Math.round(grown)} MiB`);
});

test("F12 fifty thousand lines come in order, none lost, none twice, to two readers", async () => {
  const sandbox = await create();
  const heard = ["", ""];
  const run = await sandbox.commands.run("read go; for i in $(seq 50000); do echo line $i; done", {
    background: true,
    stdin: true,
    onStdout: (text) => {
      heard[0] += text;
    },
  });
  const second = await sandbox.commands.connect(run.pid, {
    onStdout: (text) => {
      heard[1] += text;
    },
  });
  await sandbox.commands.sendStdin(run.pid, "\n");
  await Promise.all([run.wait(), second.wait()]);
  const wanted = Array.from({ length: 50_000 }, (_, at) => `line ${at + 1}\n`).join("");
  assert.ok(heard[0] === wanted, `the first heard ${heard[0].length} of ${wanted.length}`);
  assert.ok(heard[1] === wanted, `the second heard ${heard[1].length} of ${wanted.length}`);
});

test("F12 a storm of sizes leaves a terminal with the last one, and it can be come back to by its pid", async () => {
  const sandbox = await create();
  let seen = "";
  const onData = (bytes) => {
    seen += Buffer.from(bytes).toString();
  };
  const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData });
  const sizes = Array.from({ length: 300 }, (_, at) => ({ cols: 20 + (at % 200), rows: 5 + (at % 90) }));
  for (let at = 0; at < sizes.length; at += 30) {
    await Promise.all(sizes.slice(at, at + 30).map((size) => sandbox.pty.resize(terminal.pid, size)));
  }
  for (const bad of [
    { cols: 0, rows: 0 },
    { cols: 70_000, rows: 70_000 },
  ]) {
    await sandbox.pty.resize(terminal.pid, bad).catch(() => undefined);
  }
  await sandbox.pty.resize(terminal.pid, { cols: 133, rows: 44 });
  await terminal.disconnect();
  seen = "";
  const again = await sandbox.pty.connect(terminal.pid, { onData });
  await sandbox.pty.sendInput(terminal.pid, Buffer.from("stty size; exit 3\n"));
  await assert.rejects(again.wait(), (error) => error.exitCode === 3);
  assert.match(seen, /44 133/);
});
