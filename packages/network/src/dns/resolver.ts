/**
 * The one name server guests can reach. It forwards to the host's resolvers and knows no names of its own. Names that
 * answer with an internal address are passed on as they are (rebinding included): the firewall judges addresses, not names.
 */
import { createServer, type Socket } from "node:net";
import type { Clock } from "@sandlot/lifetime";
import { isErrno } from "@sandlot/linux";
import type { Logger } from "@sandlot/telemetry";
import { networkFaults } from "../faults";
import { limits } from "../limits";
import { AnswerCache } from "./cache";
import { addressesOf, answerError, askFor, fitAnswer, nameOf, type Query, RCODE, readQuery } from "./message";
import { GuestNames } from "./names";
import { Sources } from "./sources";
import { askUpstreams, frame, type Upstream } from "./upstreams";

export type GuestResolver = AsyncDisposable & {
  readonly address: string;
  readonly port: number;
  /** Who may look up what. */
  readonly names: GuestNames;
  /** As a guest would be answered. @throws Fault `network_no_answer` */
  resolve(name: string): Promise<readonly string[]>;
};

export type GuestResolverConfig = {
  /** An address of this host; the resolver answers on it by UDP and TCP. */
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly upstreams: readonly Upstream[];
};

type Via = { readonly source: string; readonly maxBytes: (query: Query) => number };

/** @throws Error when the address or the port is taken */
export async function startGuestResolver(
  { address, port, upstreams }: GuestResolverConfig,
  { log, clock }: { log: Logger; clock: Clock },
): Promise<GuestResolver> {
  if (upstreams.length === 0) log.warn("no DNS upstream: guests will resolve no names");
  const resolver = new Resolver(upstreams, clock);
  await using held = new AsyncDisposableStack();
  const udp = await openDoors({ address, port, resolver, log }, held);
  log.info("guest resolver answers", { address, port: udp.port, upstreams });
  const whole = held.move();
  return {
    address,
    port: udp.port,
    names: resolver.names,
    resolve: (name) => resolver.resolve(name),
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

type Doors = { readonly address: string; readonly port: number; readonly resolver: Resolver; readonly log: Logger };

/**
 * UDP and TCP on one port. A free port is free for UDP only as far as the kernel has looked, so another one is taken when a
 * stranger holds its TCP side.
 */
async function openDoors(doors: Doors, held: AsyncDisposableStack): Promise<{ port: number }> {
  for (let triesLeft = doors.port === 0 ? 20 : 1; ; triesLeft -= 1) {
    const udp = await openUdp(doors);
    try {
      const tcp = await openTcp({ ...doors, port: udp.port });
      held.defer(() => udp.close());
      held.use(tcp);
      return { port: udp.port };
    } catch (thrown) {
      udp.close();
      if (triesLeft <= 1 || !isErrno(thrown, "EADDRINUSE")) throw thrown;
    }
  }
}

function openUdp({ address, port, resolver, log }: Doors) {
  return Bun.udpSocket({
    hostname: address,
    port,
    socket: {
      // A guest that closed its port before the answer came makes the kernel report that here.
      error: () => undefined,
      data: (socket, bytes, fromPort, source) => {
        const via = { source, maxBytes: (query: Query) => query.udpBytes ?? 512 };
        resolver
          .answer(Buffer.from(bytes), via)
          .then((answer) => answer !== undefined && sendUdp(socket, answer, fromPort, source))
          .catch((thrown) => log.error("a DNS query broke the resolver", { thrown }));
      },
    },
  });
}

async function openTcp({ address, port, resolver, log }: Doors): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    serveTcp(socket, resolver, log);
  });
  await new Promise<void>((resolve, reject) => {
    tcp.once("error", reject);
    tcp.listen({ host: address, port, backlog: 128 }, resolve);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => tcp.close(resolve));
    },
  };
}

class Resolver {
  readonly sources: Sources;
  readonly names: GuestNames;
  readonly #upstreams: readonly Upstream[];
  readonly #clock: Clock;
  readonly #cache: AnswerCache;
  /** Equal queries at one moment share one upstream query. */
  readonly #asked = new Map<string, Promise<Buffer | undefined>>();

  constructor(upstreams: readonly Upstream[], clock: Clock) {
    this.#upstreams = upstreams;
    this.#clock = clock;
    this.#cache = new AnswerCache(clock);
    this.sources = new Sources(clock);
    this.names = new GuestNames(clock);
  }

  /** The bytes to send back; undefined to stay silent. */
  async answer(bytes: Buffer, { source, maxBytes }: Via): Promise<Buffer | undefined> {
    const reading = readQuery(bytes);
    if (reading === "drop") return undefined;
    if (!this.sources.mayAsk(source)) return answerError(bytes, RCODE.servFail);
    if ("answer" in reading) return reading.answer;
    const { query } = reading;
    if (!this.names.mayAsk(source, nameOf(query))) return answerError(bytes, RCODE.refused, query.question);
    const found = this.#cache.read(query.key) ?? (await this.#ask(query, source));
    return found === undefined
      ? answerError(bytes, RCODE.servFail, query.question)
      : fitAnswer(found, query, maxBytes(query));
  }

  async resolve(name: string): Promise<readonly string[]> {
    const reading = readQuery(askFor(name));
    if (reading === "drop" || !("query" in reading)) return [];
    const { query } = reading;
    const answer = this.#cache.read(query.key) ?? (await this.#ask(query, "egress-proxy"));
    const addresses = answer && addressesOf(answer);
    if (addresses === undefined) throw networkFaults.no_answer({ name });
    return addresses;
  }

  async #ask(query: Query, source: string): Promise<Buffer | undefined> {
    using place = this.sources.enter(source);
    if (place === undefined) return undefined;
    let asking = this.#asked.get(query.key);
    if (asking === undefined) {
      asking = askUpstreams(query, this.#upstreams, this.#clock).finally(() => this.#asked.delete(query.key));
      this.#asked.set(query.key, asking);
    }
    const answer = await asking;
    if (answer !== undefined) this.#cache.keep(query.key, answer);
    return answer;
  }
}

/** The kernel reports an earlier answer that found a closed port by failing the next send: that one is tried again. */
function sendUdp(socket: Bun.udp.Socket<"buffer">, answer: Buffer, port: number, address: string): void {
  for (let tries = 0; tries < 3 && !socket.closed; tries += 1) {
    try {
      socket.send(answer, port, address);
      return;
    } catch (thrown) {
      if (!isErrno(thrown, "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH")) throw thrown;
    }
  }
}

/** Queries on one connection are answered in order, one at a time: a guest that floods waits for itself. */
function serveTcp(socket: Socket, resolver: Resolver, log: Logger): void {
  const source = socket.remoteAddress ?? "";
  const place = resolver.sources.connect(source);
  socket.on("error", () => socket.destroy());
  if (place === undefined) {
    socket.destroy();
    return;
  }
  socket.on("close", () => place[Symbol.dispose]());
  socket.setTimeout(limits.dns.tcpIdleMs, () => socket.destroy());
  let got = Buffer.alloc(0);
  let isBusy = false;
  const step = async (): Promise<void> => {
    while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
      const end = 2 + got.readUInt16BE(0);
      const answer = await resolver.answer(Buffer.from(got.subarray(2, end)), { source, maxBytes: () => 65_535 });
      got = got.subarray(end);
      if (answer === undefined || socket.destroyed) {
        socket.destroy();
        return;
      }
      socket.write(frame(answer));
    }
  };
  socket.on("data", (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    if (got.length > 4 * limits.dns.queryBytes) socket.destroy();
    if (isBusy) return;
    isBusy = true;
    step()
      .catch((thrown) => log.error("a DNS query broke the resolver", { thrown }))
      .finally(() => {
        isBusy = false;
      });
  });
}
