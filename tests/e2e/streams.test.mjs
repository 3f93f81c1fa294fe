// Process streams where they hurt: a gigabyte, many at once, readers that stop, clients that leave and come back.
// The stock client keeps all output in one string, so what is too much for that is read by a bare Connect client.
import assert from "node:assert/strict";
import { connect as dial } from "node:net";
import { before, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process } from "@sandlot/contracts/envd/process";
import { client, create, pause, sandboxUrl, toPort, until } from "./support.mjs";

/** These do not use the stock client: once is enough when the suite is run for several of its versions. */
const once = {
  skip: (process.env.SANDLOT_E2B_PACKAGE ?? "e2b") === "e2b" ? false : "runs beside the newest client only",
};

let sandbox;
before(async () => {
  sandbox = await create({ timeoutMs: 300_000 });
});

/** A binary Connect client of the sandbox's process service. */
function processes(of = sandbox, headers = {}) {
  const all = {
    "E2b-Sandbox-Id": of.sandboxId,
    "E2b-Sandbox-Port": "49983",
    "X-Access-Token": of.envdAccessToken,
    Authorization: `Basic ${Buffer.from("user:").toString("base64")}`,
    ...headers,
  };
  const interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(all)) request.header.set(name, value);
    return next(request);
  };
  return createClient(
    Process,
    createConnectTransport({
      baseUrl: sandboxUrl,
      httpVersion: "1.1",
      useBinaryFormat: true,
      interceptors: [interceptor],
    }),
  );
}

const shell = (script) => ({ process: { cmd: "/bin/sh", args: ["-c", script] }, stdin: false });

/** Reads a stream to its end, counting. */
async function count(messages, onData = () => undefined) {
  const seen = { pid: 0, bytes: 0, tail: "", end: undefined };
  for await (const { event } of messages) {
    const { case: kind, value } = event.event;
    if (kind === "start") seen.pid = value.pid;
    if (kind === "end") seen.end = value;
    if (kind !== "data") continue;
    seen.bytes += value.output.value.byteLength;
    seen.tail = Buffer.from(value.output.value.slice(-16)).toString();
    await onData(seen);
  }
  return seen;
}

test("a gigabyte of output arrives whole, through both proxies", once, async (t) => {
  const started = Date.now();
  const seen = await count(processes().start(shell("head -c 1073741824 /dev/zero; echo the end")));
  const seconds = (Date.now() - started) / 1000;
  assert.equal(seen.bytes, 2 ** 30 + 8);
  assert.ok(seen.tail.endsWith("the end\n"));
  assert.equal(seen.end.exitCode, 0);
  t.diagnostic(`${Math.round(1024 / seconds)} MiB/s`);
});

test("a hundred commands at once stream side by side", async () => {
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, n) => sandbox.commands.run(`for i in 1 2 3 4; do echo ${n}.$i; sleep 0.2; done`)),
  );
  for (const [n, { stdout }] of results.entries()) assert.equal(stdout, `${n}.1\n${n}.2\n${n}.3\n${n}.4\n`);
});

test("a reader that stops reading holds neither another reader nor the command for ever", once, async () => {
  const stuck = await stopReading(
    "i=0; while [ $i -lt 3000 ]; do head -c 32768 /dev/zero; i=$((i+1)); done; echo the end",
  );
  const started = Date.now();
  const seen = await count(processes().connect({ process: { selector: { case: "pid", value: stuck.pid } } }));
  assert.ok(seen.tail.endsWith("the end\n"));
  assert.equal(seen.end.exitCode, 0);
  assert.ok(Date.now() - started < 40_000);
  stuck.socket.destroy();
  assert.equal((await sandbox.commands.run("echo well")).stdout, "well\n");
});

/** Starts a command over a socket of our own and, after its first event, reads no more of it. */
async function stopReading(script) {
  const message = Buffer.from(JSON.stringify(shell(script)));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const url = new URL(sandboxUrl);
  const socket = dial(Number(url.port), url.hostname);
  socket.write(
    [
      "POST /process.Process/Start HTTP/1.1",
      "Host: sandbox",
      `E2b-Sandbox-Id: ${sandbox.sandboxId}`,
      "E2b-Sandbox-Port: 49983",
      `X-Access-Token: ${sandbox.envdAccessToken}`,
      "Content-Type: application/connect+json",
      "Connect-Protocol-Version: 1",
      `Content-Length: ${message.length + 5}`,
      "\r\n",
    ].join("\r\n"),
  );
  socket.write(Buffer.concat([head, message]));
  let text = "";
  const pid = await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const found = /"start":\{"pid":(\d+)/.exec(text)?.[1];
      if (found === undefined) return;
      socket.pause();
      resolve(Number(found));
    });
  });
  return { pid, socket };
}

test("the exit code waits for a client that left and comes back", async () => {
  const handle = await sandbox.commands.run("sleep 0.4; exit 23", { background: true });
  await handle.disconnect();
  await pause(900);
  const back = await sandbox.commands.connect(handle.pid);
  await assert.rejects(back.wait(), (error) => error.exitCode === 23);
});

test("a command runs on when its client is cut off, and what it does is done", async () => {
  const own = new AbortController();
  const running = processes().start(shell("sleep 1; echo done > /tmp/cut-off; sleep 60"), { signal: own.signal });
  const first = await running[Symbol.asyncIterator]().next();
  const { pid } = first.value.event.event.value;
  own.abort();
  await until(() => sandbox.files.exists("/tmp/cut-off"), { what: "the command's work" });
  assert.equal(await sandbox.commands.kill(pid), true);
});

test("tags name processes: found among others, told in the list, and told when unknown", async () => {
  const rpc = processes();
  const leave = new AbortController();
  const started = await Promise.all(
    ["red", "green", "blue"].map(async (tag) => {
      const events = rpc.start({ ...shell(`echo ${tag}; sleep 30`), tag }, { signal: leave.signal });
      return (await events[Symbol.asyncIterator]().next()).value.event.event.value.pid;
    }),
  );
  const listed = (await rpc.list({})).processes.filter((process) => process.tag);
  assert.deepEqual(listed.map((process) => process.tag).sort(), ["blue", "green", "red"]);
  const green = { process: { selector: { case: "tag", value: "green" } } };
  await rpc.sendSignal({ ...green, signal: 9 });
  const seen = await count(rpc.connect(green));
  assert.equal(seen.pid, started[1]);
  assert.equal(seen.end.status, "signal: killed");
  leave.abort();
  await assert.rejects(
    rpc.sendSignal({ process: { selector: { case: "tag", value: "grey" } }, signal: 9 }),
    (error) => error.code === 5 && /process with tag grey not found/.test(error.message),
  );
  for (const pid of [started[0], started[2]]) await sandbox.commands.kill(pid);
});

test("keepalives come while nothing else does", async () => {
  const leave = new AbortController();
  const kinds = [];
  for await (const { event } of processes(sandbox, { "Keepalive-Ping-Interval": "1" }).start(
    shell("sleep 3.5"),
    leave,
  )) {
    kinds.push(event.event.case);
  }
  assert.deepEqual([kinds[0], kinds.at(-1)], ["start", "end"]);
  assert.ok(kinds.filter((kind) => kind === "keepalive").length >= 2, kinds.join());
});

test("a deadline ends the stream by its name and the process with it", async () => {
  const marker = `sleep 4${process.pid}`;
  await assert.rejects(count(processes().start(shell(marker), { timeoutMs: 700 })), (error) => error.code === 4);
  await until(async () => !(await sandbox.commands.list()).some(({ args }) => args.includes(marker)), {
    what: "its end",
  });
});

test("a request given up by the client gives up nothing else", async () => {
  const many = Array.from({ length: 20 }, () => {
    const stop = new AbortController();
    const asked = sandbox.commands.run("sleep 20", { signal: stop.signal, requestTimeoutMs: 400 }).catch(() => "gone");
    setTimeout(() => stop.abort(), 200);
    return asked;
  });
  await Promise.all(many.map((asked) => Promise.race([asked, pause(5_000)])));
  assert.equal((await sandbox.commands.run("echo still")).stdout, "still\n");
  for (const { pid, args } of await sandbox.commands.list())
    if (args.includes("sleep 20")) await sandbox.commands.kill(pid);
});

test("killed while somebody waits: exit code -1, and its own words", async () => {
  const handle = await sandbox.commands.run("sleep 100", { background: true });
  const waiting = assert.rejects(handle.wait(), (error) => {
    assert.ok(error instanceof client.CommandExitError);
    assert.equal(error.exitCode, -1);
    assert.match(String(error.error ?? error.message), /signal: killed/);
    return true;
  });
  assert.equal(await handle.kill(), true);
  await waiting;
  assert.equal(await handle.kill(), false);
});

test("order is kept within a stream, and late output before the end is not lost", async () => {
  const parts = [];
  const result = await sandbox.commands.run("for i in $(seq 1 2000); do echo $i; done; (sleep 0.3; echo late) &", {
    onStdout: (text) => parts.push(text),
  });
  const lines = parts.join("").trim().split("\n");
  assert.deepEqual(lines, [...Array.from({ length: 2000 }, (_, n) => String(n + 1)), "late"]);
  assert.equal(result.stdout, parts.join(""));
});

test("input of a megabyte in pieces, and input after the end", async () => {
  const handle = await sandbox.commands.run("cat | sha256sum", { background: true, stdin: true });
  const piece = "0123456789abcdef".repeat(4096);
  for (let n = 0; n < 16; n += 1) await sandbox.commands.sendStdin(handle.pid, piece);
  await sandbox.commands.closeStdin(handle.pid);
  await sandbox.commands.closeStdin(handle.pid).catch((error) => assert.ok(error instanceof client.NotFoundError));
  const { createHash } = await import("node:crypto");
  assert.equal((await handle.wait()).stdout.split(" ")[0], createHash("sha256").update(piece.repeat(16)).digest("hex"));
  await assert.rejects(sandbox.commands.sendStdin(handle.pid, "x"), client.NotFoundError);
});

test("RPC messages may be packed by gzip, both ways", async () => {
  const { gzipSync } = await import("node:zlib");
  const answer = await toPort(sandbox.sandboxId, 49983, "/filesystem.Filesystem/ListDir", {
    method: "POST",
    body: gzipSync(JSON.stringify({ path: "/usr/bin", depth: 1 })),
    headers: {
      "Content-Type": "application/json",
      "Content-Encoding": "gzip",
      "Accept-Encoding": "gzip",
      "X-Access-Token": sandbox.envdAccessToken,
    },
  });
  assert.equal(answer.headers.get("content-encoding"), "gzip");
  assert.ok((await answer.json()).entries.length > 100);
});
