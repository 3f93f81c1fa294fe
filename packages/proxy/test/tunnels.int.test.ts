import { describe, expect, it } from "bun:test";
import { connectRaw, proxyTo, startRawServer, startScripted } from "./raw-peer";

/** Echoes what it gets, speaks the sub-protocol asked for, and closes with 4001 when told "bye". */
function startEcho() {
  const closes: number[] = [];
  const server = Bun.serve<{ protocol: string }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, self) {
      const protocol = request.headers.get("sec-websocket-protocol")?.split(",")[0]?.trim() ?? "";
      const headers = protocol === "" ? {} : { "Sec-WebSocket-Protocol": protocol };
      if (self.upgrade(request, { data: { protocol }, headers })) return undefined;
      return new Response("no upgrade", { status: 426 });
    },
    websocket: {
      perMessageDeflate: true,
      maxPayloadLength: 64 * 1024 * 1024,
      message(socket, message) {
        if (message === "bye") socket.close(4001, "as told");
        else socket.send(message);
      },
      close: (_, code) => void closes.push(code),
    },
  });
  return {
    port: server.port as number,
    closes,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

function opened(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("socket error")), { once: true });
  });
}

function next(socket: WebSocket, event: "message" | "close"): Promise<MessageEvent & CloseEvent> {
  return new Promise((resolve) => socket.addEventListener(event, resolve as () => void, { once: true }));
}

describe("a WebSocket through two hops", () => {
  it("carries text, binary, large messages, the sub-protocol and close codes of both sides", async () => {
    await using guest = startEcho();
    await using node = proxyTo(guest.port);
    await using front = proxyTo(node.port, { keepAlive: true });
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/chat?x=1`, ["v2.example", "v1.example"]);
    socket.binaryType = "arraybuffer";
    await opened(socket);
    expect(socket.protocol).toBe("v2.example");
    for (const message of ["hello", "ö".repeat(100_000), new Uint8Array(8 * 1024 * 1024).fill(7)]) {
      const answered = next(socket, "message");
      socket.send(message);
      const { data } = await answered;
      if (typeof message === "string") expect(data).toBe(message);
      else expect(Bun.hash(new Uint8Array(data as ArrayBuffer))).toBe(Bun.hash(message));
    }
    expect(node.connectionCount("sandbox")).toBe(1);
    const closed = next(socket, "close");
    socket.send("bye");
    const { code, reason } = await closed;
    expect([code, reason]).toEqual([4001, "as told"]);

    const other = new WebSocket(`ws://127.0.0.1:${front.port}/`);
    await opened(other);
    other.close(4002, "from here");
    while (guest.closes.length < 2) await Bun.sleep(2);
    expect(guest.closes[1]).toBe(4002);
    while (node.connectionCount("sandbox") > 0) await Bun.sleep(2);
  });

  it("is cut on both sides when its sandbox is", async () => {
    await using guest = startEcho();
    await using node = proxyTo(guest.port);
    await using front = proxyTo(node.port, { keepAlive: true });
    const sockets = Array.from({ length: 20 }, () => new WebSocket(`ws://127.0.0.1:${front.port}/`));
    await Promise.all(sockets.map(opened));
    const closes = sockets.map((socket) => next(socket, "close"));
    expect(node.cut("sandbox")).toBe(20);
    for (const { code } of await Promise.all(closes)) expect(code).toBe(1006);
    while (guest.closes.length < 20) await Bun.sleep(2);
    expect(node.connectionCount("sandbox")).toBe(0);
    while (front.connectionCount("sandbox") > 0) await Bun.sleep(2);
  });

  it("that the guest refuses is an answer, and the connection goes on", async () => {
    await using guest = await startScripted(
      () => "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok",
    );
    await using proxy = proxyTo(guest.port);
    const ask =
      "GET / HTTP/1.1\r\nHost: a.b\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n\r\n";
    const client = await connectRaw(proxy.port, ask);
    await client.until((text) => text.includes("Upgrade: websocket") && text.endsWith("ok"));
    // What follows is a request like any other, not the inside of a tunnel.
    client.socket.write("GET /init HTTP/1.1\r\nHost: a.b\r\n\r\n");
    await client.until((text) => text.split("426 Upgrade").length === 3);
    expect(guest.heads).toHaveLength(2);
  });
});

describe("any other upgrade", () => {
  const ask = (protocol: string): string =>
    `GET / HTTP/1.1\r\nHost: a.b\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

  it("becomes a tunnel of bytes, with what came right behind the head", async () => {
    await using guest = await startScripted((head, socket) => {
      socket.on("data", (bytes) => socket.write(`<${bytes}>`));
      return head.includes("Upgrade: raw")
        ? "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfirst"
        : undefined;
    });
    await using proxy = proxyTo(guest.port);
    const client = await connectRaw(proxy.port, `${ask("raw")}early`);
    await client.until((text) => text.endsWith("first<early>"));
    client.socket.write("more");
    await client.until((text) => text.endsWith("<early><more>"));
    guest.sockets[0]?.end("last");
    expect(await client.closed()).toBe("end");
    expect(client.text()).toEndWith("last");
  });

  it("to h2c is not passed on: it would hide requests from the proxy", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await using proxy = proxyTo(guest.port);
    await (await connectRaw(proxy.port, ask("h2c"))).until((text) => text.endsWith("ok"));
    expect(guest.heads[0]?.toLowerCase()).not.toContain("upgrade");
  });

  it("that nobody asked for is no answer", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n\r\n");
    await using proxy = proxyTo(guest.port);
    await (await connectRaw(proxy.port, "GET / HTTP/1.1\r\nHost: a.b\r\n\r\n")).until((text) =>
      text.endsWith("no_answer"),
    );
  });
});

describe("a plain connection", () => {
  it("passes on what the other end says first, what came behind the head, and nothing of the head", async () => {
    let received = "";
    await using guest = await startRawServer((socket) => {
      socket.write("220 at once\r\n");
      socket.on("data", (bytes) => {
        received += String(bytes);
        socket.write(`<${bytes}>`);
      });
    });
    await using proxy = proxyTo(guest.port, { change: () => ({ tunnel: "plain" }) });
    const ask = "GET / HTTP/1.1\r\nHost: a.b\r\nConnection: Upgrade\r\nUpgrade: plain\r\n\r\n";
    const all = Array.from({ length: 100 }, () => connectRaw(proxy.port, `${ask}early`));
    for (const client of await Promise.all(all)) {
      const text = await client.until((said) => said.endsWith("<early>"));
      expect(text).toBe(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: plain\r\n\r\n220 at once\r\n<early>",
      );
      client.socket.destroy();
    }
    expect(received).toBe("early".repeat(100));
  });
});
