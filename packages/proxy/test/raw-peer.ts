// Both ends of a proxy, byte by byte: a server that a test scripts, and a client that sends what it is given.
import net from "node:net";
import { silentLogger } from "@sandlot/telemetry";
import { type Decision, type ProxyLimits, type ProxyRequest, plainAnswer, startProxy } from "../src/index";

export type RawServer = AsyncDisposable & { readonly port: number; readonly sockets: net.Socket[] };

export async function startRawServer(onSocket: (socket: net.Socket) => void): Promise<RawServer> {
  const sockets: net.Socket[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Answers each request, once its head is there, with what `answer` makes of it. Heads are kept in `heads`. */
export async function startScripted(
  answer: (head: string, socket: net.Socket) => string | Buffer | undefined,
): Promise<RawServer & { heads: string[]; received: () => string }> {
  const heads: string[] = [];
  let received = "";
  const server = await startRawServer((socket) => {
    let text = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = text.slice(0, end);
      text = "";
      heads.push(head);
      const reply = answer(head, socket);
      if (reply !== undefined) socket.write(reply as string, "latin1");
    });
  });
  return { ...server, heads, received: () => received };
}

export type RawClient = {
  readonly socket: net.Socket;
  readonly text: () => string;
  readonly ended: () => "open" | "end" | "reset";
  until(holds: (text: string) => boolean, withinMs?: number): Promise<string>;
  closed(withinMs?: number): Promise<"end" | "reset">;
};

export async function connectRaw(port: number, bytes: string | Buffer = ""): Promise<RawClient> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  let text = "";
  let how: "open" | "end" | "reset" = "open";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {
    how = "reset";
  });
  socket.on("end", () => {
    if (how === "open") how = "end";
  });
  await new Promise<void>((resolve, reject) => socket.once("connect", () => resolve()).once("error", reject));
  if (bytes.length > 0) socket.write(bytes as string, "latin1");
  const wait = async (holds: () => boolean, withinMs: number): Promise<void> => {
    const untilMs = Date.now() + withinMs;
    while (!holds()) {
      if (Date.now() > untilMs)
        throw new Error(`not within ${withinMs} ms; ${how}; got ${JSON.stringify(text.slice(0, 500))}`);
      await Bun.sleep(2);
    }
  };
  return {
    socket,
    text: () => text,
    ended: () => how,
    async until(holds, withinMs = 20_000) {
      await wait(() => holds(text), withinMs);
      return text;
    },
    async closed(withinMs = 20_000) {
      await wait(() => how !== "open", withinMs);
      return how === "end" ? "end" : "reset";
    },
  };
}

/** A proxy that forwards everything to one port. */
export function proxyTo(
  port: number,
  of: {
    change?: (request: ProxyRequest) => Partial<Decision>;
    limits?: Partial<ProxyLimits>;
    keepAlive?: boolean;
  } = {},
) {
  return startProxy(
    { listenHost: "127.0.0.1", listenPort: 0 },
    {
      logger: silentLogger,
      limits: of.limits,
      decide: (request) =>
        ({
          kind: "forward",
          address: "127.0.0.1",
          port,
          key: "sandbox",
          keepAlive: of.keepAlive ?? false,
          onFailure: (failure: string) => plainAnswer(502, failure),
          ...of.change?.(request),
        }) as Decision,
    },
  );
}
