import { describe, expect, it } from "bun:test";
import { connectRaw, proxyTo, startScripted } from "./raw-peer";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HOST = "Host: 80-abc.example\r\n";

describe("requests that two servers could read differently", () => {
  const smuggled: [name: string, bytes: string, status: number][] = [
    [
      "length and chunks",
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["two lengths", `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400],
    ["a list of lengths", `POST / HTTP/1.1\r\n${HOST}Content-Length: 3, 3\r\n\r\nabc`, 400],
    ["a signed length", `POST / HTTP/1.1\r\n${HOST}Content-Length: +3\r\n\r\nabc`, 400],
    ["an unknown coding", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    [
      "two codings",
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
      501,
    ],
    ["chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["a space before the colon", `GET / HTTP/1.1\r\n${HOST}Content-Length : 3\r\n\r\nabc`, 400],
    ["a folded line", `GET / HTTP/1.1\r\n${HOST}X: 1\r\n Transfer-Encoding: chunked\r\n\r\n`, 400],
    ["LF alone", `GET / HTTP/1.1\n${HOST}\r\n\r\n`, 400],
    ["CR in a value", `GET / HTTP/1.1\r\n${HOST}X: a\rY: b\r\n\r\n`, 400],
    ["NUL in a value", `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400],
    ["two hosts", `GET / HTTP/1.1\r\n${HOST}Host: evil\r\n\r\n`, 400],
    ["no host", "GET / HTTP/1.1\r\nX: 1\r\n\r\n", 400],
    ["a space in the target", `GET /a b HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["another scheme", `GET ftp://x/ HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["a forward proxy's method", `CONNECT 169.254.169.254:80 HTTP/1.1\r\n${HOST}\r\n`, 405],
    ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["no HTTP", "\x16\x03\x01\x02\r\n\r\n", 400],
  ];
  for (const [name, bytes, status] of smuggled) {
    it(`${name}: ${status}, and nothing reaches the guest`, async () => {
      await using guest = await startScripted(() => OK);
      await using proxy = proxyTo(guest.port);
      const client = await connectRaw(proxy.port, bytes);
      await client.until((text) => text.startsWith(`HTTP/1.1 ${status} `));
      await client.closed();
      expect(guest.heads).toEqual([]);
    });
  }

  const bodies: [name: string, chunks: string][] = [
    ["a size that is not hex", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"],
    ["a size that overflows", "fffffffffffffffff\r\nhello\r\n"],
    ["LF alone after a size", "5\nhello\r\n0\r\n\r\n"],
    ["LF alone in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"],
    ["no CR LF after the data", "5\r\nhelloX0\r\n\r\n"],
    ["an endless extension", `5;${"a".repeat(4_096)}\r\nhello\r\n0\r\n\r\n`],
    ["endless trailers", `0\r\n${"X: 1\r\n".repeat(8_192)}\r\n`],
  ];
  for (const [name, chunks] of bodies) {
    it(`a chunked body with ${name} is cut on both sides`, async () => {
      await using guest = await startScripted(() => undefined);
      await using proxy = proxyTo(guest.port);
      const head = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
      const client = await connectRaw(proxy.port, head);
      while (guest.heads.length === 0) await Bun.sleep(2);
      client.socket.write(chunks);
      expect(await client.closed()).toBe("reset");
      while (guest.sockets[0]?.destroyed !== true) await Bun.sleep(2);
    });
  }

  it("an absolute target decides over Host", async () => {
    await using guest = await startScripted(() => OK);
    const seen: string[] = [];
    await using proxy = proxyTo(guest.port, {
      change: (request) => {
        seen.push(request.host, request.target);
        return {};
      },
    });
    await (await connectRaw(proxy.port, `GET http://81-x.d/p?q HTTP/1.1\r\n${HOST}\r\n`)).until((text) =>
      text.endsWith("ok"),
    );
    expect(seen).toEqual(["81-x.d", "/p?q"]);
    expect(guest.heads[0]).toStartWith("GET /p?q HTTP/1.1\r\nHost: 81-x.d\r\n");
  });
});

describe("greed", () => {
  it("takes headers of 10 kB and refuses those of 100 kB or 300 lines", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port);
    const withHeader = (bytes: number): string => `GET / HTTP/1.1\r\n${HOST}X: ${"a".repeat(bytes)}\r\n\r\n`;
    await (await connectRaw(proxy.port, withHeader(10_000))).until((text) => text.endsWith("ok"));
    await (await connectRaw(proxy.port, withHeader(100_000))).until((text) => text.startsWith("HTTP/1.1 431 "));
    const many = `GET / HTTP/1.1\r\n${HOST}${"X: 1\r\n".repeat(300)}\r\n`;
    await (await connectRaw(proxy.port, many)).until((text) => text.startsWith("HTTP/1.1 431 "));
    expect(guest.heads).toHaveLength(1);
  });

  it("does not wait for a head that trickles, nor keep one that is endless", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port, { limits: { headMs: 300 } });
    const slow = await connectRaw(proxy.port, "GET / HTTP/1.1\r\n");
    const trickle = setInterval(() => slow.socket.write("X: 1\r\n"), 50);
    await slow.until((text) => text.startsWith("HTTP/1.1 408 "));
    clearInterval(trickle);
    const silent = await connectRaw(proxy.port);
    await silent.closed();
  });

  it("closes connections above its bound and takes new ones when others have gone", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port, { limits: { connections: 2 } });
    const first = await connectRaw(proxy.port);
    await connectRaw(proxy.port);
    const third = await connectRaw(proxy.port);
    await third.closed();
    first.socket.destroy();
    await first.closed();
    await Bun.sleep(200); // the proxy has seen it, too
    await (await connectRaw(proxy.port, `GET / HTTP/1.1\r\n${HOST}\r\n`)).until((text) => text.endsWith("ok"));
  });

  it("takes no more requests from a client that reads no answers", async () => {
    const long = `HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n${"a".repeat(30_000)}`;
    await using guest = await startScripted(() => long);
    await using proxy = proxyTo(guest.port, { keepAlive: true });
    const client = await connectRaw(proxy.port);
    client.socket.pause();
    client.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`.repeat(5_000));
    let before = -1;
    while (guest.heads.length !== before) {
      before = guest.heads.length;
      await Bun.sleep(150);
    }
    expect(before).toBeLessThan(1_000);
    client.socket.resume();
    await client.until((text) => text.length >= 5_000 * long.length, 50_000);
    expect(guest.heads).toHaveLength(5_000);
  }, 60_000);

  it("gives up a dial that nobody answers", async () => {
    // TEST-NET-1: at best nobody answers, at worst there is no route.
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port, { change: () => ({ address: "192.0.2.77" }), limits: { dialMs: 200 } });
    const client = await connectRaw(proxy.port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.until((text) => text.endsWith("unreachable"));
  });

  it("holds a sandbox to its connections", async () => {
    await using guest = await startScripted(() => undefined);
    const answer = () => ({ status: 429, headers: [], body: "limit" });
    await using proxy = proxyTo(guest.port, { change: () => ({ connectionLimit: { count: 2, answer } }) });
    const open = await Promise.all([1, 2].map(() => connectRaw(proxy.port, `GET / HTTP/1.1\r\n${HOST}\r\n`)));
    while (guest.heads.length < 2) await Bun.sleep(2);
    const third = await connectRaw(proxy.port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
    await third.until((text) => text.startsWith("HTTP/1.1 429 ") && text.endsWith("limit"));
    open[0]?.socket.destroy();
    while (proxy.connectionCount("sandbox") > 1) await Bun.sleep(2);
    third.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    while (guest.heads.length < 3) await Bun.sleep(2);
  });
});

describe("nonsense", () => {
  it("of any kind is answered or cut, and the proxy goes on", async () => {
    await using guest = await startScripted(() => OK);
    await using proxy = proxyTo(guest.port);
    const seeds = [
      `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      `GET /x HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      `PUT /x HTTP/1.0\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    ];
    let state = 42;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % below;
    };
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.from(seeds[random(3)] as string, "latin1");
      for (let n = random(4) + 1; n > 0; n -= 1) bytes[random(bytes.length)] = random(256);
      const client = await connectRaw(proxy.port, bytes.subarray(0, bytes.length - random(8)));
      await Bun.sleep(0);
      client.socket.destroy();
    }
    await (await connectRaw(proxy.port, `GET / HTTP/1.1\r\n${HOST}\r\n`)).until((text) => text.endsWith("ok"));
    for (let tries = 0; proxy.connectionCount("sandbox") > 0 && tries < 1_000; tries += 1) await Bun.sleep(10);
    expect(proxy.connectionCount("sandbox")).toBe(0);
  });
});
