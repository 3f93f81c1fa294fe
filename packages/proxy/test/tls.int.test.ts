import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { createSecureContext } from "node:tls";
import { silentLogger } from "@sandlot/telemetry";
import { type Decision, type ProxyLimits, plainAnswer, type SandboxProxy, startTlsProxy } from "../src/index";
import { startScripted } from "./raw-peer";

let dir = "";
let pair = { cert: "", key: "" };
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "proxy-tls-"));
  const [cert, key] = [join(dir, "c.pem"), join(dir, "k.pem")];
  const subject = ["-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:*.a.test"];
  const made = spawnSync("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    cert,
    ...subject,
  ]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
});
afterAll(() => rmSync(dir, { recursive: true }));

function tlsProxyTo(port: number, limits: Partial<ProxyLimits> = {}): Promise<SandboxProxy> {
  const context = createSecureContext(pair);
  const decide = (): Decision => ({
    kind: "forward",
    address: "127.0.0.1",
    port,
    key: "sandbox",
    keepAlive: true,
    onFailure: (failure) => plainAnswer(502, failure),
  });
  const parts = { logger: silentLogger, decide, limits, tls: { contextFor: () => context, fallback: () => pair } };
  return startTlsProxy({ listenHost: "127.0.0.1", listenPort: 0 }, parts);
}

type Seen = {
  status: number;
  headers: http2.IncomingHttpHeaders;
  body: string;
  trailers: Record<string, unknown>;
  code: number;
};

/** One HTTP/2 request over a connection of its own. */
async function ask(
  port: number,
  headers: http2.OutgoingHttpHeaders,
  body?: string | Buffer | null,
  trailers?: http2.OutgoingHttpHeaders,
  onAnswer?: () => void,
): Promise<Seen> {
  const session = http2.connect(`https://80-abc.a.test:${port}`, {
    ca: pair.cert,
    createConnection: () =>
      tls.connect({ host: "127.0.0.1", port, ca: pair.cert, servername: "80-abc.a.test", ALPNProtocols: ["h2"] }),
  });
  session.on("error", () => undefined);
  try {
    const stream = session.request(
      { ":path": "/", ...headers },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined },
    );
    stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
    if (body !== undefined && body !== null) stream.end(body);
    const seen: Seen = { status: 0, headers: {}, body: "", trailers: {}, code: -1 };
    stream.on("response", (got) => {
      seen.headers = got;
      seen.status = Number(got[":status"]);
      onAnswer?.();
    });
    stream.on("trailers", (got) => {
      seen.trailers = got;
    });
    stream.on("data", (bytes) => {
      seen.body += String(bytes);
    });
    stream.on("error", () => undefined);
    await new Promise<void>((resolve) => stream.once("close", () => resolve()));
    seen.code = stream.rstCode ?? -1;
    return seen;
  } finally {
    session.destroy();
  }
}

describe("HTTP/2 at the edge", () => {
  it("becomes HTTP/1.1 towards the guest, and the answer HTTP/2", async () => {
    await using guest = await startScripted(
      () =>
        "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: keep-alive\r\nX-One: 1\r\nX-One: 2\r\n\r\nhello",
    );
    await using proxy = await tlsProxyTo(guest.port);
    const seen = await ask(proxy.port, { ":path": "/p?q=1", "x-a": "1", cookie: ["a=1", "b=2"] as never });
    expect([seen.status, seen.body, seen.code]).toEqual([200, "hello", 0]);
    expect(seen.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(seen.headers["x-one"]).toBe("1, 2");
    expect(seen.headers.connection).toBeUndefined();
    const [head = ""] = guest.heads;
    expect(head.startsWith(`GET /p?q=1 HTTP/1.1\r\nHost: 80-abc.a.test:${proxy.port}\r\n`)).toBe(true);
    expect(head).toContain("cookie: a=1; b=2");
  });

  it("carries a body of unknown length in chunks and of known length as it is", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 204 No Content\r\n\r\n");
    await using proxy = await tlsProxyTo(guest.port);
    expect((await ask(proxy.port, { ":method": "POST" }, "hello")).status).toBe(204);
    expect(guest.received().toLowerCase()).toContain("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    expect((await ask(proxy.port, { ":method": "POST", "content-length": "5" }, "world")).status).toBe(204);
    expect(guest.received().toLowerCase()).toContain("content-length: 5\r\n\r\nworld");
  });

  it("passes trailers on, and 103 before the answer", async () => {
    await using guest = await startScripted(
      () =>
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    await using proxy = await tlsProxyTo(guest.port);
    const seen = await ask(proxy.port, {});
    expect([seen.status, seen.body, seen.trailers["x-sum"]]).toEqual([200, "hi", "7"]);
  });

  it("passes a request's trailers on, but those that belong into a head", async () => {
    await using guest = await startScripted(() => "HTTP/1.1 204 No Content\r\n\r\n");
    await using proxy = await tlsProxyTo(guest.port);
    const trailers = { "x-sum": "7", "x-two": "8", authorization: "late" };
    expect((await ask(proxy.port, { ":method": "POST" }, "hello", trailers)).status).toBe(204);
    expect(guest.received()).toEndWith("\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\nx-two: 8\r\n\r\n");
    expect((await ask(proxy.port, { ":method": "POST" }, "", { "x-sum": "8" })).status).toBe(204);
    expect(guest.received()).toEndWith("\r\n\r\n0\r\nx-sum: 8\r\n\r\n");
    expect((await ask(proxy.port, { ":method": "POST", "content-length": "5" }, "world", trailers)).status).toBe(204);
    expect(guest.received()).toEndWith("\r\n\r\nworld");
  });

  it("gives a HEAD its length and no body, and a 304 neither", async () => {
    await using guest = await startScripted((head) =>
      head.startsWith("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" : "HTTP/1.1 304 Not Modified\r\n\r\n",
    );
    await using proxy = await tlsProxyTo(guest.port);
    const head = await ask(proxy.port, { ":method": "HEAD" });
    expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "9", ""]);
    expect((await ask(proxy.port, {})).status).toBe(304);
  });

  it("resets the stream when the guest dies in the middle, and when the key is cut", async () => {
    await using guest = await startScripted((head, socket) => {
      if (head.includes("/die")) setTimeout(() => socket.destroy(), 50);
      return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello";
    });
    await using proxy = await tlsProxyTo(guest.port);
    expect((await ask(proxy.port, { ":path": "/die" })).code).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
    const answered = Promise.withResolvers<void>();
    const open = ask(proxy.port, { ":path": "/stay" }, undefined, undefined, answered.resolve);
    await answered.promise;
    expect(proxy.cut("sandbox")).toBe(1);
    expect((await open).code).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });

  it("tells the guest when the client breaks off", async () => {
    await using guest = await startScripted(() => undefined);
    await using proxy = await tlsProxyTo(guest.port);
    const session = http2.connect(`https://80-abc.a.test:${proxy.port}`, {
      createConnection: () =>
        tls.connect({
          host: "127.0.0.1",
          port: proxy.port,
          ca: pair.cert,
          servername: "x.a.test",
          ALPNProtocols: ["h2"],
        }),
    });
    session.on("error", () => undefined);
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => undefined);
    while (guest.heads.length === 0) await Bun.sleep(5);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    while (guest.sockets[0]?.destroyed !== true) await Bun.sleep(5);
    session.destroy();
    expect(proxy.connectionCount("sandbox")).toBe(0);
  });

  it("keeps 20 MB moving both ways through small windows without keeping it in memory", async () => {
    const server = http.createServer((request, response) => request.pipe(response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await using proxy = await tlsProxyTo((server.address() as { port: number }).port);
    const body = Buffer.alloc(20_000_000, "x");
    const seen = await ask(proxy.port, { ":method": "POST" }, body);
    server.close();
    expect([seen.status, seen.body.length, seen.code]).toEqual([200, body.length, 0]);
  });
});

describe("HTTP/1.1 inside TLS", () => {
  it("takes several requests on one connection and an upgrade", async () => {
    await using guest = await startScripted((head, socket) => {
      if (!/upgrade: echo/i.test(head)) return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      socket.on("data", (bytes) => socket.write(bytes));
      return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    });
    await using proxy = await tlsProxyTo(guest.port);
    const socket = tls.connect({ host: "127.0.0.1", port: proxy.port, ca: pair.cert, servername: "x.a.test" });
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString();
    });
    const until = async (wanted: string): Promise<void> => {
      for (let left = 2_000; !text.includes(wanted); left -= 1) {
        if (left === 0) throw new Error(text);
        await Bun.sleep(10);
      }
    };
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    socket.write("GET /1 HTTP/1.1\r\nHost: 80-abc.a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: 80-abc.a.test\r\n\r\n");
    await until("okHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    socket.write("GET /3 HTTP/1.1\r\nHost: 80-abc.a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    await until("101 Switching");
    socket.write("anything at all");
    await until("anything at all");
    socket.destroy();
  });
});
