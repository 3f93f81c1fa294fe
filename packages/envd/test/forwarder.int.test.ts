/** Ports bound to loopback, reached on another address. The whole 127/8 is ours, so 127.0.0.77 plays the outer one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestEnvd, type TestEnvd } from "./harness";

const OUTER = "127.0.0.77";

let envd: TestEnvd;
beforeAll(async () => {
  envd = await startTestEnvd({ ENVD_FORWARD_ADDRESS: OUTER });
});
afterAll(() => envd[Symbol.asyncDispose]());

async function fetchSoon(url: string, of: { untilMs?: number; init?: RequestInit } = {}): Promise<Response> {
  const until = performance.now() + (of.untilMs ?? 15_000);
  for (;;) {
    try {
      return await fetch(url, of.init);
    } catch (thrown) {
      if (performance.now() > until) throw thrown;
      await Bun.sleep(50);
    }
  }
}

for (const hostname of ["127.0.0.1", "::1"]) {
  test(`a server on ${hostname} is reached, and no more when it is gone`, async () => {
    const server = Bun.serve({ hostname, port: 0, fetch: () => new Response("inside") });
    const url = `http://${OUTER}:${server.port}/`;
    expect(await (await fetchSoon(url)).text()).toBe("inside");
    await server.stop(true);
    const isReached = () =>
      fetch(url).then(
        () => true,
        () => false,
      );
    for (let tries = 0; tries < 100 && (await isReached()); tries += 1) await Bun.sleep(100);
    expect(await isReached()).toBe(false);
  });
}

test("much data passes whole both ways, and a slow reader is waited for", async () => {
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    maxRequestBodySize: 2 ** 40,
    fetch: async (request) => new Response(request.body),
  });
  const body = Buffer.alloc(60_000_000, "sandlot ");
  const response = await fetchSoon(`http://${OUTER}:${server.port}/`, { init: { method: "POST", body } });
  const hasher = new Bun.CryptoHasher("sha256");
  let isFirst = true;
  for await (const chunk of response.body ?? []) {
    if (isFirst) await Bun.sleep(300);
    isFirst = false;
    hasher.update(chunk);
  }
  expect(hasher.digest("hex")).toBe(new Bun.CryptoHasher("sha256").update(body).digest("hex"));
});

test("a side that has finished sending still hears the other", async () => {
  using server = Bun.listen<{ heard: string }>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open: (socket) => {
        socket.data = { heard: "" };
      },
      data: (socket, bytes) => {
        socket.data.heard += bytes.toString();
      },
      end: (socket) => {
        socket.end(`heard ${socket.data.heard}`);
      },
    },
  });
  const half = Promise.withResolvers<string>();
  const connect = (): Promise<unknown> =>
    Bun.connect<{ text: string }>({
      hostname: OUTER,
      port: server.port,
      allowHalfOpen: true,
      data: { text: "" },
      socket: {
        open(socket) {
          socket.write("hello");
          socket.shutdown();
        },
        data: (socket, bytes) => {
          socket.data.text += bytes.toString();
        },
        close: (socket) => half.resolve(socket.data.text),
        connectError: () => {
          setTimeout(connect, 50);
        },
      },
    }).catch(() => undefined);
  await connect();
  expect(await half.promise).toBe("heard hello");
});

test("a server on all addresses is left alone", async () => {
  const server = Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response("direct") });
  await Bun.sleep(1200);
  const listeners = Bun.spawnSync([
    "grep",
    "-ci",
    `:${(server.port ?? 0).toString(16).padStart(4, "0")} 00000000:0000 0A`,
    "/proc/net/tcp",
  ]);
  expect(listeners.stdout.toString().trim()).toBe("1");
  await server.stop(true);
});
