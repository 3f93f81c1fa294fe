// Large and slow bodies through two hops: content whole, memory flat.
import { afterAll, beforeAll, expect, it } from "bun:test";
import type { SandboxProxy } from "../src/index";
import { connectRaw, proxyTo } from "./raw-peer";

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
const BLOCK = new Uint8Array(MIB).map((_, n) => n * 31 + (n >> 8));

let sinkBytes = 0;
let slowSink = false;
let guest: Bun.Server<undefined>;
let node: SandboxProxy;
let front: SandboxProxy;

beforeAll(() => {
  guest = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 2 ** 40,
    async fetch(request) {
      if (request.method === "GET") {
        let left = SIZE / MIB;
        return new Response(
          new ReadableStream({
            pull(controller) {
              if (left === 0) return controller.close();
              left -= 1;
              controller.enqueue(BLOCK.slice());
            },
          }),
        );
      }
      const hasher = new Bun.CryptoHasher("blake2b256");
      for await (const chunk of request.body ?? []) {
        sinkBytes += chunk.length;
        hasher.update(chunk);
        if (slowSink) await Bun.sleep(5);
      }
      return new Response(hasher.digest("hex"));
    },
  });
  node = proxyTo(guest.port as number);
  front = proxyTo(node.port, { keepAlive: true });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  await guest.stop(true);
});

function digestOfAll(): string {
  const hasher = new Bun.CryptoHasher("blake2b256");
  for (let n = 0; n < SIZE / MIB; n += 1) hasher.update(BLOCK);
  return hasher.digest("hex");
}

it("carries 200 MiB down", async () => {
  const response = await fetch(`http://127.0.0.1:${front.port}/`);
  const hasher = new Bun.CryptoHasher("blake2b256");
  for await (const chunk of response.body ?? []) hasher.update(chunk);
  expect(hasher.digest("hex")).toBe(digestOfAll());
}, 60_000);

it("carries 200 MiB up, in chunks without a length", async () => {
  let left = SIZE / MIB;
  const body = new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      left -= 1;
      controller.enqueue(BLOCK.slice());
    },
  });
  const response = await fetch(`http://127.0.0.1:${front.port}/`, { method: "POST", body });
  expect(await response.text()).toBe(digestOfAll());
}, 60_000);

it("holds a bounded amount for a client that does not read", async () => {
  const client = await connectRaw(front.port);
  client.socket.pause();
  client.socket.write("GET / HTTP/1.1\r\nHost: a.b\r\n\r\n");
  await Bun.sleep(300);
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  await Bun.sleep(1_000);
  Bun.gc(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(40 * MIB);
  client.socket.destroy();
}, 60_000);

it("lets a slow guest slow the client down", async () => {
  slowSink = true;
  sinkBytes = 0;
  const client = await connectRaw(front.port, `POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: ${SIZE}\r\n\r\n`);
  let sentBytes = 0;
  const untilMs = Date.now() + 1_500;
  while (Date.now() < untilMs) {
    if (client.socket.writableLength < MIB && client.socket.write(BLOCK)) sentBytes += MIB;
    await Bun.sleep(1);
  }
  const heldBytes = sentBytes - client.socket.writableLength - sinkBytes;
  expect(heldBytes).toBeLessThan(60 * MIB); // kernel buffers of four sockets
  client.socket.destroy();
  slowSink = false;
}, 60_000);
