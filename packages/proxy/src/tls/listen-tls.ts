import {
  createServer as createH2,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer, type SecureContext, type TLSSocket } from "node:tls";
import type { Doorkeeper, Listening } from "../doorkeeper";
import { FramingError } from "../http/framing";
import type { ProxyLimits } from "../limits";
import { H2Stream } from "./h2-stream";
import { downgradeHead } from "./request-head";
import { StreamSocket } from "./stream-socket";

export type TlsParts = {
  /** Which certificate a client that asks for this name is shown; undefined: it names none. */
  readonly contextFor: (serverName: string | undefined) => SecureContext;
  /** For clients that name none, as the TLS server wants it. */
  readonly fallback: () => { readonly cert: string; readonly key: string };
};

/** HTTP/2 and HTTP/1.1 inside TLS, as the client chooses; both end in the same connections as without TLS. */
export async function listenTls(of: {
  host: string;
  port: number;
  keeper: Doorkeeper;
  limits: ProxyLimits;
  tls: TlsParts;
}): Promise<Listening> {
  const { keeper, limits, tls } = of;
  const sessions = new Set<ServerHttp2Session>();
  const h2 = startH2({ keeper, limits, sessions });
  const server = createServer({
    ...tls.fallback(),
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: limits.headMs,
    minVersion: "TLSv1.2",
    SNICallback: (name, done) => done(null, tls.contextFor(name)),
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => undefined); // `close` follows and tells
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.tcpProbeMs);
    if (socket.alpnProtocol === "h2") h2.emit("connection", socket);
    else serveH1(socket, keeper);
  });
  // A scanner, or a client that does not trust us: its own log says why.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(of.port, of.host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => void server.close(),
    leaveKept() {
      for (const session of sessions) session.close();
    },
  };
}

function serveH1(socket: TLSSocket, keeper: Doorkeeper): void {
  const connection = keeper.admit(new StreamSocket(socket));
  if (connection === undefined) return;
  let hasFailed = false;
  let isOver = false;
  const onClose = (isClean: boolean): void => {
    if (isOver) return;
    isOver = true;
    keeper.onClose(connection, isClean);
  };
  socket.on("data", (bytes: Buffer) => connection.onBytes(bytes));
  socket.on("drain", () => connection.onDrain());
  socket.on("error", () => {
    hasFailed = true;
  });
  socket.on("end", () => onClose(true));
  socket.on("close", (isFailed: boolean) => onClose(!isFailed && !hasFailed));
}

function startH2(of: { keeper: Doorkeeper; limits: ProxyLimits; sessions: Set<ServerHttp2Session> }): Http2Server {
  const { keeper, limits, sessions } = of;
  const server = createH2({
    settings: {
      maxConcurrentStreams: limits.h2Streams,
      maxHeaderListSize: limits.headBytes,
      initialWindowSize: limits.h2WindowBytes,
    },
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => undefined); // `close` follows and tells
    // The window of all requests together, which settings do not reach. Not before the first request: Bun 1.4.5 would send it
    // ahead of its own preface.
    session.once("stream", () => session.setLocalWindowSize(limits.h2ConnectionWindowBytes));
    session.setTimeout(limits.clientIdleMs, () => session.close());
  });
  server.on("sessionError", () => undefined);
  const resets = new WeakMap<object, number>();
  server.on("stream", (stream: ServerHttp2Stream, _headers, _flags, raw) => {
    stream.on("error", () => undefined); // `close` follows and tells
    const { session } = stream;
    stream.once("aborted", () => {
      if (session === undefined) return;
      // A client that opens and resets requests in a row costs us work, and itself nothing.
      const count = (resets.get(session) ?? 0) + 1;
      resets.set(session, count);
      if (count > limits.h2Resets) session.destroy();
    });
    serveStream(stream, raw as unknown as string[], keeper);
  });
  return server;
}

function serveStream(stream: ServerHttp2Stream, raw: readonly string[], keeper: Doorkeeper): void {
  const remoteAddress = stream.session?.socket?.remoteAddress ?? "";
  const hasBody = !stream.endAfterHeaders;
  try {
    new H2Stream(stream, downgradeHead(raw, hasBody), remoteAddress).start(keeper);
  } catch (thrown) {
    if (!(thrown instanceof FramingError)) throw thrown;
    stream.respond({ ":status": thrown.status, "content-type": "text/plain; charset=utf-8" });
    stream.end("Bad request");
  }
}
