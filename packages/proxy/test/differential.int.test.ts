// Requests that two parsers may read differently: the same bytes to Node's server alone and through the proxy. What reaches the
// server through the proxy must be what the server would have read itself, or nothing. `corpus/requests.json` is kept and grows
// with every finding; more is made from it by a generator whose seed is printed.
import { afterAll, beforeAll, expect, it } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { SandboxProxy } from "../src/index";
import { proxyTo } from "./raw-peer";

type Seen = { readonly method: string; readonly url: string; readonly body: string };

const CORPUS = JSON.parse(readFileSync(join(import.meta.dir, "corpus/requests.json"), "utf8")) as string[];
const ROUNDS = 250;
/** Nothing more comes after this much silence. */
const QUIET_MS = 60;

/**
 * Real Node's parser, strict as it comes, answering each request that it took for whole with what it read. It also says so aside:
 * garbage behind a request makes it drop the answer.
 */
const SERVER = `
const http = require("node:http");
http.createServer({ requireHostHeader: true }, (q, s) => {
  let body = "";
  const port = q.socket.remotePort;
  q.setEncoding("latin1");
  q.on("data", (d) => { body += d; });
  q.on("end", () => { const read = Buffer.from(JSON.stringify({ method: q.method, url: q.url, body })).toString("base64"); process.stdout.write(port + " " + read + "\\n"); s.end("<<" + read + ">>"); });
  q.on("error", () => {});
}).listen(0, "127.0.0.1", function () { process.stdout.write(this.address().port + "\\n"); });
`;

let node: ChildProcess;
let port = 0;
let proxy: SandboxProxy;
const lines: string[] = [];

beforeAll(async () => {
  node = spawn("node", ["-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
  let pending = "";
  node.stdout?.on("data", (bytes) => {
    pending += String(bytes);
    const whole = pending.split("\n");
    pending = whole.pop() ?? "";
    lines.push(...whole);
  });
  while (lines.length === 0) await Bun.sleep(10);
  port = Number(lines.shift());
  proxy = proxyTo(port, { limits: { lingerMs: 50 } });
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  node.kill();
});

/** Sends the bytes and waits until all is quiet. @returns what came back, and from which port it was asked */
async function say(target: number, bytes: string, quietMs = QUIET_MS): Promise<{ text: string; localPort: number }> {
  let text = "";
  let localPort = 0;
  await new Promise<void>((resolve) => {
    const socket = net.connect(target, "127.0.0.1", () => {
      localPort = socket.localPort ?? 0;
      socket.write(bytes, "latin1");
    });
    const quiet = setTimeout(() => socket.destroy(), quietMs);
    socket.on("data", (more) => {
      text += more.toString("latin1");
      quiet.refresh();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(quiet);
      resolve();
    });
  });
  return { text, localPort };
}

const parse = (read: string): Seen => JSON.parse(Buffer.from(read, "base64").toString("utf8")) as Seen;

/** The proxy turns an absolute target into this, on purpose. */
function originForm(seen: Seen): Seen {
  const path = seen.url.replace(/^https?:\/\/[^/?#]+/i, "");
  return { ...seen, url: path === seen.url || path.startsWith("/") ? path : `/${path}` };
}

async function readThrough(bytes: string): Promise<Seen[]> {
  const { text } = await say(proxy.port, bytes);
  return [...text.matchAll(/<<([A-Za-z0-9+/=]+)>>/g)].map(([, read = ""]) => parse(read));
}

async function readAlone(bytes: string, quietMs = QUIET_MS): Promise<Seen[]> {
  const { localPort } = await say(port, bytes, quietMs);
  await Bun.sleep(10);
  const mine = lines.filter((line) => line.startsWith(`${localPort} `));
  lines.length = 0;
  return mine.map((line) => originForm(parse(line.split(" ")[1] ?? "")));
}

/** Through the proxy there may be fewer requests, never other ones. */
async function assertSame(bytes: string): Promise<void> {
  const through = await readThrough(bytes);
  if (through.length === 0) return;
  let alone = await readAlone(bytes);
  // On a busy machine the server may be late; what differs after a longer wait does differ.
  for (const quietMs of [500, 3_000]) if (alone.length < through.length) alone = await readAlone(bytes, quietMs);
  expect({ bytes, seen: through }).toEqual({ bytes, seen: alone.slice(0, through.length) });
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const PIECES = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Content-Length : 5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: 5, 5\r\n",
  "content-length:5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding:\tchunked\r\n",
  "Transfer-Encoding: chunked, identity\r\n",
  "Transfer-Encoding: xchunked\r\n",
  "Transfer_Encoding: chunked\r\n",
  "Transfer-Encoding:\x0bchunked\r\n",
  "Connection: Transfer-Encoding, content-length\r\n",
  "Connection: close\r\n",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  "5;x=y\r\nhello\r\n0\r\n\r\n",
  "GET /smuggled HTTP/1.1\r\nHost: a.b\r\n\r\n",
  "Host: other.test\r\n",
  " folded\r\n",
  "\xff",
];

function mutate(text: string, random: () => number): string {
  let bytes = text;
  for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
    const at = Math.floor(random() * (bytes.length + 1));
    const what = random();
    const piece = PIECES[Math.floor(random() * PIECES.length)] as string;
    if (what < 0.45) bytes = bytes.slice(0, at) + piece + bytes.slice(at);
    else if (what < 0.6) bytes = bytes.slice(0, at) + bytes.slice(at + 1 + Math.floor(random() * 3));
    else if (what < 0.8) {
      const lineAt = bytes.indexOf("\r\n", at);
      if (lineAt >= 0) bytes = `${bytes.slice(0, lineAt + 2)}${piece}${bytes.slice(lineAt + 2)}`;
    } else bytes = bytes.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + bytes.slice(at + 1);
  }
  return bytes;
}

it("the corpus reaches the server as it would without the proxy", async () => {
  for (const bytes of CORPUS) await assertSame(bytes);
}, 60_000);

it("so does what is made from it", async () => {
  const seed = Number(process.env.SANDLOT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  const rounds = Number(process.env.SANDLOT_FUZZ_ROUNDS ?? ROUNDS);
  const random = generator(seed);
  for (let round = 0; round < rounds; round += 1) {
    const bytes = mutate(CORPUS[Math.floor(random() * CORPUS.length)] as string, random);
    await assertSame(bytes).catch((thrown: unknown) => {
      throw new Error(`SANDLOT_FUZZ_SEED=${seed}, round ${round}: ${String(thrown)}`);
    });
  }
}, 120_000);
