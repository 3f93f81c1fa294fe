/** Many readers, slow readers and very much output, over a real envd. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { on } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import {
  basic,
  collect,
  envelope,
  type Json,
  type ProcessEvent,
  rssMiB,
  run,
  startTestEnvd,
  stream,
  type TestEnvd,
  unary,
} from "./harness";

let envd: TestEnvd;
beforeAll(async () => {
  envd = await startTestEnvd();
});
afterAll(() => envd[Symbol.asyncDispose]());

const sizeOf = (event: ProcessEvent): number => Buffer.from(event.data?.stdout ?? "", "base64").byteLength;

async function kill(pid: number): Promise<void> {
  await unary({ url: envd.url, method: "SendSignal" }, { process: { pid }, signal: "SIGNAL_SIGKILL" });
}

/** Takes the start of a stream and then nothing more, without letting go: a bare socket, as clients buffer for themselves. */
async function stuckReader(method: string, message: Json): Promise<{ pid: number; leave(): void }> {
  const body = envelope(message);
  const head = [
    `POST /process.Process/${method} HTTP/1.1`,
    "host: envd",
    "content-type: application/connect+json",
    "connect-protocol-version: 1",
    `authorization: ${basic("user").authorization}`,
    `content-length: ${body.byteLength}`,
  ];
  const socket = connect(envd.port, "127.0.0.1");
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.write(body);
  let text = "";
  for await (const [chunk] of on(socket, "data")) {
    text += String(chunk);
    const pid = /"start":\{"pid":(\d+)/.exec(text)?.[1];
    if (pid === undefined) continue;
    socket.pause();
    return { pid: Number(pid), leave: () => socket.destroy() };
  }
  throw new Error("the stream ended before its start");
}

function openPipes(): number {
  return readdirSync(`/proc/${envd.pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${envd.pid}/fd/${fd}`).startsWith("pipe:");
    } catch {
      return false;
    }
  }).length;
}

test("a gigabyte of output arrives whole, and envd does not grow by it", async () => {
  const before = rssMiB(envd.pid);
  let bytes = 0;
  let peak = 0;
  let events = 0;
  const ran = await run(envd, {
    script: "head -c 1073741824 /dev/zero",
    onEvent: (event, so) => {
      so.stdout = "";
      bytes += sizeOf(event);
      events += 1;
      if (events % 5000 === 0) peak = Math.max(peak, rssMiB(envd.pid));
    },
  });
  expect(bytes).toBe(2 ** 30);
  expect(ran.end).toEqual({ exited: true, status: "exit status 0" });
  expect(peak - before).toBeLessThan(150);
}, 120_000);

test("a reader that is stuck holds neither the other reader nor the command back for ever", async () => {
  const script = "head -c 40000000 /dev/zero; echo; echo done";
  const stuck = await stuckReader("Start", { process: { cmd: "/bin/sh", args: ["-c", script] } });
  let text = "";
  let bytes = 0;
  const startedMs = performance.now();
  const joined = await collect(
    stream({ url: envd.url, method: "Connect", headers: basic("user") }, { process: { pid: stuck.pid } }),
    (event, so) => {
      bytes += sizeOf(event);
      text = so.stdout.slice(-5);
      so.stdout = text;
    },
  );
  const tookMs = performance.now() - startedMs;
  expect(text).toBe("done\n");
  expect(bytes).toBeGreaterThan(20_000_000);
  expect(joined.end).toEqual({ exited: true, status: "exit status 0" });
  expect(tookMs).toBeWithin(2_000, 40_000);
  stuck.leave();
}, 60_000);

test("two hundred streams at once each get their own", async () => {
  const pipesBefore = openPipes();
  const rans = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      run(envd, { script: `echo ${n}; sleep 1; echo end${n} >&2; exit ${n % 50}` }),
    ),
  );
  for (const [n, ran] of rans.entries()) {
    expect([ran.stdout, ran.stderr]).toEqual([`${n}\n`, `end${n}\n`]);
    expect(ran.end?.exitCode ?? 0).toBe(n % 50);
  }
  for (let tries = 0; tries < 100 && openPipes() > pipesBefore; tries += 1) await Bun.sleep(100);
  expect(openPipes()).toBe(pipesBefore);
}, 60_000);

test("fifty readers of one command all hear all of it", async () => {
  const script = "sleep 4; head -c 2000000 /dev/zero; echo over";
  const first = await stuckReader("Start", { process: { cmd: "/bin/sh", args: ["-c", script] }, tag: "shared" });
  first.leave();
  const heard = await Promise.all(
    Array.from({ length: 50 }, async () => {
      let bytes = 0;
      const message = { process: { tag: "shared" } };
      const ran = await collect(
        stream({ url: envd.url, method: "Connect", headers: basic("user") }, message),
        (event) => {
          bytes += sizeOf(event);
        },
      );
      return [bytes, ran.end?.status];
    }),
  );
  expect(new Set(heard.map(String))).toEqual(new Set(["2000005,exit status 0"]));
}, 60_000);

test("input that nobody reads holds up its sender alone, and lets go when that one leaves", async () => {
  const sleeper = await stuckReader("Start", { process: { cmd: "sleep", args: ["60"] }, stdin: true });
  const big = { process: { pid: sleeper.pid }, input: { stdin: Buffer.alloc(1_000_000).toString("base64") } };
  const sent = fetch(`${envd.url}/process.Process/SendInput`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(big),
    signal: AbortSignal.timeout(500),
  }).then(
    () => "taken",
    () => "given up",
  );
  expect((await run(envd, { script: "echo meanwhile" })).stdout).toBe("meanwhile\n");
  expect(await sent).toBe("given up");
  await kill(sleeper.pid);
  sleeper.leave();
});
