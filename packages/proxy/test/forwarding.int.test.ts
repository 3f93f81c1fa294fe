import { describe, expect, it } from "bun:test";
import { freePort } from "@sandlot/testkit";
import { connectRaw, proxyTo, startRawServer, startScripted } from "./raw-peer";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const get = (target: string, more = ""): string => `GET ${target} HTTP/1.1\r\nHost: 80-abc.example\r\n${more}\r\n`;
const isWhole = (text: string): boolean => text.endsWith("ok");

describe("a request", () => {
  it("reaches the guest as it was sent: target, names, order, repetition, nothing added but Connection", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port);
    const target = `/a/../b//c/%69/./x?q=%20"<>|{}\\#f`;
    const client = await connectRaw(
      proxy.port,
      get(target, "x-LOWER: 1\r\nCookie: a=1\r\nX-Dup: 1\r\nX-Dup: 2\r\nEmpty:\r\n"),
    );
    await client.until(isWhole);
    expect(guest.heads).toEqual([
      `GET ${target} HTTP/1.1\r\nHost: 80-abc.example\r\nx-LOWER: 1\r\nCookie: a=1\r\nX-Dup: 1\r\nX-Dup: 2\r\nEmpty:\r\nConnection: close`,
    ]);
  });

  it("loses what belongs to its hop alone, and never its framing or Host", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port, { keepAlive: true });
    const named = "Connection: X-Hop, host, content-length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n";
    await (await connectRaw(proxy.port, get("/", `${named}Content-Length: 0\r\n`))).until(isWhole);
    expect(guest.heads).toEqual(["GET / HTTP/1.1\r\nHost: 80-abc.example\r\nContent-Length: 0"]);
  });

  it("can be given another Host and headers", async () => {
    await using guest = await startScripted(() => OK);
    const setHeaders = [["X-Forwarded-Host", "80-abc.example"]] as const;
    await using proxy = proxyTo(guest.port, { keepAlive: true, change: () => ({ host: "localhost:80", setHeaders }) });
    await (await connectRaw(proxy.port, get("/", "X-Forwarded-Host: forged\r\n"))).until(isWhole);
    expect(guest.heads).toEqual(["GET / HTTP/1.1\r\nHost: localhost:80\r\nX-Forwarded-Host: 80-abc.example"]);
  });

  it("may have a body whatever its method", async () => {
    for (const method of ["GET", "DELETE", "POST", "PROPFIND", "X-OWN"]) {
      await using guest = await startScripted(() => OK);
      await using proxy = proxyTo(guest.port);
      const head = `${method} / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 5\r\n\r\n`;
      await (await connectRaw(proxy.port, `${head}hello`)).until(isWhole);
      expect(guest.received()).toEndWith("\r\n\r\nhello");
    }
  });

  it("streams a chunked body, trailers included, before it has ended", async () => {
    await using guest = await startScripted(() => undefined);
    await using proxy = proxyTo(guest.port);
    const client = await connectRaw(
      proxy.port,
      "POST / HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    while (!guest.received().endsWith("5\r\nhello\r\n")) await Bun.sleep(2);
    client.socket.write("6;x=1\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n");
    while (!guest.received().endsWith("hello\r\n6;x=1\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n")) await Bun.sleep(2);
    guest.sockets[0]?.write(OK);
    await client.until(isWhole);
  });

  it("streams a body of known length", async () => {
    await using guest = await startScripted(() => undefined);
    await using proxy = proxyTo(guest.port);
    const client = await connectRaw(proxy.port, "PUT / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 10\r\n\r\nhello");
    while (!guest.received().endsWith("hello")) await Bun.sleep(2);
    client.socket.write("world");
    while (!guest.received().endsWith("helloworld")) await Bun.sleep(2);
    guest.sockets[0]?.write(OK);
    await client.until(isWhole);
  });

  it("waits for 100 Continue from the guest itself", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 100 Continue\r\n\r\n");
    await using proxy = proxyTo(guest.port);
    const head = "POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    const client = await connectRaw(proxy.port, head);
    await client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
    expect(guest.heads[0]).toContain("Expect: 100-continue");
    client.socket.write("abc");
    while (!guest.received().endsWith("abc")) await Bun.sleep(2);
    guest.sockets[0]?.write(OK);
    await client.until(isWhole);
  });

  it("may come in pieces of one byte, or many at once", async () => {
    await using guest = await startScripted(
      (head) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${head.slice(4, 6)}`,
    );
    await using proxy = proxyTo(guest.port);
    const slow = await connectRaw(proxy.port);
    for (const char of get("/s")) {
      slow.socket.write(char);
      await Bun.sleep(1);
    }
    await slow.until((text) => text.endsWith("/s"));
    const fast = await connectRaw(proxy.port, Array.from({ length: 8 }, (_, n) => get(`/${n}`)).join(""));
    await fast.until((text) => text.endsWith("/7"));
    expect([...fast.text().matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1])).toEqual(
      Array.from({ length: 8 }, (_, n) => `/${n}`),
    );
  });

  it("is ended at the guest when its client goes away", async () => {
    await using guest = await startScripted(() => undefined);
    await using proxy = proxyTo(guest.port);
    for (const how of ["destroy", "resetAndDestroy"] as const) {
      const client = await connectRaw(proxy.port, get("/"));
      while (guest.sockets.length === 0) await Bun.sleep(2);
      client.socket[how]();
      while (guest.sockets.at(-1)?.destroyed !== true) await Bun.sleep(2);
      guest.sockets.length = 0;
    }
    expect(proxy.connectionCount("sandbox")).toBe(0);
  });
});

describe("an answer", () => {
  const answers: [name: string, request: string, answer: string, expected: string][] = [
    [
      "keeps repeated headers and their case",
      get("/"),
      "HTTP/1.1 200 OK\r\nset-COOKIE: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
      "set-COOKIE: a=1\r\nSet-Cookie: b=2\r\n",
    ],
    [
      "is not unzipped",
      get("/"),
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
      "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
    ],
    [
      "to HEAD keeps its length and has no body",
      "HEAD / HTTP/1.1\r\nHost: a.b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
    ],
    ["204 has no body", get("/"), "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"],
    [
      "304 has no body, whatever its length says",
      get("/"),
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    ],
    [
      "302 is not followed",
      get("/"),
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    ],
    [
      "599 passes, its words too",
      get("/"),
      "HTTP/1.1 599 Of Its Own\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 599 Of Its Own\r\nContent-Length: 0\r\n\r\n",
    ],
    [
      "may have no words",
      get("/"),
      "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    ],
    [
      "may end lines with LF alone",
      get("/"),
      "HTTP/1.0 200 OK\nContent-Length: 2\n\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    [
      "keeps chunks and trailers",
      get("/"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
    ],
    [
      "passes early hints",
      get("/"),
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    [
      "with both framings goes by its chunks",
      get("/"),
      "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "to HTTP/1.0 has no chunks",
      "GET / HTTP/1.0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok!",
    ],
  ];
  for (const [name, request, answer, expected] of answers) {
    it(name, async () => {
      await using guest = await startScripted(() => answer);
      await using proxy = proxyTo(guest.port);
      const client = await connectRaw(proxy.port, request);
      await client.until((text) => text.endsWith(expected) || text.includes(expected));
      expect(client.text()).toContain(expected);
    });
  }

  it("passes on each event of a stream as it comes", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    await using proxy = proxyTo(guest.port);
    const client = await connectRaw(proxy.port, get("/"));
    await client.until((text) => text.endsWith("\r\n\r\n"));
    for (let n = 0; n < 3; n += 1) {
      guest.sockets[0]?.write(`data: ${n}\n\n`);
      await client.until((text) => text.endsWith(`data: ${n}\n\n`));
    }
    guest.sockets[0]?.end();
    expect(await client.closed()).toBe("end");
  });

  it("may come before the request's body has ended", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok");
    await using proxy = proxyTo(guest.port);
    const client = await connectRaw(proxy.port, "POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 99999\r\n\r\nhello");
    await client.until(isWhole);
    expect(client.text()).toContain("Connection: close\r\n");
    expect(await client.closed()).toBe("end");
  });

  it("of that kind reaches a client that goes on sending", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok");
    await using proxy = proxyTo(guest.port);
    for (let round = 0; round < 5; round += 1) {
      const client = await connectRaw(proxy.port, "POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 99999999\r\n\r\n");
      for (let sent = 0; sent < 50 && client.ended() === "open"; sent += 1) {
        client.socket.write(Buffer.alloc(64 * 1024));
        await Bun.sleep(0);
      }
      await client.until(isWhole);
    }
  });

  it("that breaks off is cut for the client too, never ended cleanly", async () => {
    for (const begun of [
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ]) {
      for (const how of ["end", "resetAndDestroy"] as const) {
        await using guest = await startScripted(() => begun);
        await using proxy = proxyTo(guest.port);
        const client = await connectRaw(proxy.port, get("/"));
        await client.until((text) => text.includes("hello"));
        guest.sockets[0]?.[how]();
        expect(await client.closed()).toBe("reset");
      }
    }
  });

  it("that never comes is the failure of the owner's choice", async () => {
    await using silent = await startRawServer((socket) => socket.once("data", () => socket.end()));
    await using proxy = proxyTo(silent.port);
    await (await connectRaw(proxy.port, get("/"))).until((text) => text.endsWith("no_answer"));
    await using babbler = await startScripted(() => "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    await using other = proxyTo(babbler.port);
    await (await connectRaw(other.port, get("/"))).until((text) => text.endsWith("no_answer"));
    await using nobody = proxyTo(1);
    await (await connectRaw(nobody.port, get("/"))).until((text) => text.endsWith("refused"));
  });
});

describe("connections", () => {
  it("are used again towards a node, and never after they have died", async () => {
    await using node = await startScripted(() => OK);
    await using proxy = proxyTo(node.port, { keepAlive: true });
    const client = await connectRaw(proxy.port);
    for (let n = 1; n <= 3; n += 1) {
      client.socket.write(get(`/${n}`));
      await client.until((text) => text.split("ok").length === n + 1);
    }
    expect(node.sockets).toHaveLength(1);
    node.sockets[0]?.destroy();
    await Bun.sleep(20);
    client.socket.write(get("/4"));
    await client.until((text) => text.split("\r\n\r\nok").length === 5);
    expect(node.sockets).toHaveLength(2);
  });

  it("that die under a request without body are replaced, under one with a body are not", async () => {
    let isSecond = false;
    await using node = await startScripted((_, socket) => {
      if (!isSecond) return OK;
      isSecond = false;
      socket.end();
      return undefined;
    });
    await using proxy = proxyTo(node.port, { keepAlive: true });
    const client = await connectRaw(proxy.port, get("/1"));
    await client.until(isWhole);
    isSecond = true;
    client.socket.write(get("/2"));
    await client.until((text) => text.split("\r\n\r\nok").length === 3);
    isSecond = true;
    client.socket.write("POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1\r\n\r\nx");
    await client.until((text) => text.endsWith("no_answer"));
  });

  it("are dialed again while a port refuses, as often as told", async () => {
    const port = await freePort();
    await using proxy = proxyTo(port, { change: () => ({ redialAfterMs: [50, 100, 150] }) });
    const client = await connectRaw(proxy.port, "POST / HTTP/1.1\r\nHost: a.b\r\nContent-Length: 5\r\n\r\nhello");
    await Bun.sleep(80);
    const server = Bun.serve({
      port,
      hostname: "127.0.0.1",
      fetch: async (request) => new Response(`${await request.text()} ok`),
    });
    await client.until((text) => text.endsWith("hello ok"));
    await server.stop(true);
  });

  it("drain: no new ones, idle ones end, busy ones end after their answer", async () => {
    await using guest = await startScripted(() => undefined);
    await using proxy = proxyTo(guest.port);
    const idle = await connectRaw(proxy.port);
    const busy = await connectRaw(proxy.port, get("/"));
    while (guest.heads.length === 0) await Bun.sleep(2);
    const drained = proxy.drain();
    await idle.closed();
    await expect(connectRaw(proxy.port)).rejects.toThrow();
    guest.sockets[0]?.write(OK);
    await busy.until(isWhole);
    await busy.closed();
    await drained;
  });
});
