/** The inner side of intercepted TLS: plays the destination towards a guest, reads its requests, and has them leave rewritten. */
import { rmSync } from "node:fs";
import type { UnixSocketListener } from "bun";
import type { FlowLog } from "../flow-log";
import { relayRequests } from "../http/relay-requests";
import { ownAnswer } from "../http/request-stream";
import { type OutParts, routeOut } from "../route-out";
import { WIRED, Wire, type WireData } from "../wire/wire";
import { HTTP_1_1 } from "./alpn";
import type { Authority } from "./authority";
import { upgrade } from "./upgrade";

export type InterceptorParts = OutParts & {
  readonly authority: Authority;
  /** Directory of the sockets that lead from the outer to the inner side; only root can enter it. */
  readonly runDir: string;
  readonly extraRoots: string | undefined;
  readonly log: FlowLog;
  /** Keeps a wire so that it ends with its sandbox. */
  readonly keep: (wire: Wire) => void;
};

/** What an inner side is for: all connections of one sandbox to one name and port. */
export type Intercepted = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly isNameAllowed: boolean;
};

let made = 0;

export class Interceptor implements Disposable {
  /** Where the outer side connects to. */
  readonly path: string;
  readonly #listener: UnixSocketListener<WireData>;

  private constructor(path: string, listener: UnixSocketListener<WireData>) {
    this.path = path;
    this.#listener = listener;
  }

  static async start(parts: InterceptorParts, of: Intercepted): Promise<Interceptor> {
    const { certPem: cert, keyPem: key } = await parts.authority.leaf(of.name);
    made += 1;
    const path = `${parts.runDir}/${process.pid}-${made}.sock`;
    rmSync(path, { force: true });
    const listener = Bun.listen<WireData>({
      unix: path,
      allowHalfOpen: true,
      tls: { cert, key, ALPNProtocols: HTTP_1_1 },
      data: {},
      socket: {
        ...WIRED,
        open: (socket) => {
          const wire = new Wire(socket);
          socket.data = { wire };
          parts.keep(wire);
          serve(parts, of, wire).catch(() => wire.terminate());
        },
      },
    });
    return new Interceptor(path, listener);
  }

  /** Takes no more connections; open ones go on. */
  shut(): void {
    this.#listener.stop(false);
    rmSync(this.path, { force: true });
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
    rmSync(this.path, { force: true });
  }
}

/** One connection of the guest, decrypted. */
async function serve(parts: InterceptorParts, of: Intercepted, client: Wire): Promise<void> {
  const held: Buffer[] = [];
  client.events = {
    data: (bytes) => {
      held.push(bytes);
      client.pause();
    },
    drained: () => undefined,
    ended: () => undefined,
    closed: () => undefined,
  };
  const out = await routeOut(parts, of);
  const server = "reason" in out ? undefined : await upgrade(out.wire, { name: of.name, extraRoots: parts.extraRoots });
  const note = (reason: string, host: string | undefined): void =>
    void parts.log.add({
      atMs: Date.now(),
      ...of,
      protocol: "http",
      host: host?.slice(0, 256) ?? of.name,
      reason,
      endedAtMs: Date.now(),
    });
  if (server === undefined) {
    note("reason" in out ? out.reason : "not_trusted", undefined);
    client.write(ownAnswer(502, "cannot reach this host"));
    client.close();
    return;
  }
  parts.keep(server);
  const { push } = relayRequests(client, server, {
    name: of.name,
    // Looked up each time: rules that were replaced hold for the next request, on open connections too.
    headers: () => {
      const rule = parts.policy().rules.get(of.name);
      return rule === undefined ? [] : parts.values.fill(rule);
    },
    onRequest: () => undefined,
    onRefusal: note,
    onSent: () => undefined,
    onReceived: () => undefined,
    onClosed: () => undefined,
  });
  for (const bytes of held) push(bytes);
  client.resume();
}
