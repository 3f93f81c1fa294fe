import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIP, type Server } from "node:net";
import * as packet from "dns-packet";
import { namesFaults } from "./faults";
import { limits } from "./limits";

export type NameServerConfig = {
  readonly listenHost: string;
  /** 0 takes a free one. */
  readonly listenPort: number;
  readonly domain: string;
  /** What the domain and every name below it stand for. */
  readonly addresses: readonly string[];
};

/** Answers for one domain, over UDP and TCP; refuses all other names, so that a resolver asks its next server. */
export type NameServer = AsyncDisposable & { readonly port: number };

const AUTHORITATIVE = packet.AUTHORITATIVE_ANSWER;
const RCODE = { ok: 0, formatError: 1, notImplemented: 4, refused: 5 } as const;

/** @throws Fault `names_port_taken` */
export async function startNameServer(config: NameServerConfig): Promise<NameServer> {
  const { listenHost } = config;
  try {
    const udp = await bindUdp(config);
    const { port } = udp.address();
    const tcp = await bindTcp(config, port).catch((thrown: unknown) => {
      udp.close();
      throw thrown;
    });
    return {
      port,
      async [Symbol.asyncDispose]() {
        await new Promise<void>((done) => udp.close(() => done()));
        await new Promise<void>((done) => tcp.close(() => done()));
      },
    };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw namesFaults.port_taken(
      { what: "the name server", address: `${listenHost}:${config.listenPort}`, why },
      thrown,
    );
  }
}

async function bindUdp(config: NameServerConfig): Promise<UdpSocket> {
  const socket = createSocket(isIP(config.listenHost) === 6 ? "udp6" : "udp4");
  socket.on("message", (question, from) => {
    const answer = answerTo(question, config);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(config.listenPort, config.listenHost, () => {
      socket.off("error", reject);
      socket.on("error", () => undefined); // of one answer: the asker asks again
      resolve();
    });
  });
  return socket;
}

async function bindTcp(config: NameServerConfig, port: number): Promise<Server> {
  const server = createServer((socket) => {
    let held: Buffer = Buffer.alloc(0);
    socket.setTimeout(limits.dnsIdleMs, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const answer = answerTo(held.subarray(2, end), config);
        held = held.subarray(end);
        if (answer === undefined) return void socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  });
  server.maxConnections = limits.dnsConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, config.listenHost, () => resolve());
  });
  return server;
}

/** Pure. Undefined where an answer would be wrong: to what is no question. */
export function answerTo(question: Buffer, config: Pick<NameServerConfig, "domain" | "addresses">): Buffer | undefined {
  const asked = decode(question);
  if (asked === undefined || asked.type !== "query") return undefined;
  const [first, ...more] = asked.questions ?? [];
  const reply = (rcode: number, rest: Partial<packet.Packet> = {}): Buffer =>
    packet.encode({
      type: "response",
      id: asked.id ?? 0,
      flags:
        rcode | (((asked.flags ?? 0) & packet.RECURSION_DESIRED) as number) | (rcode === RCODE.ok ? AUTHORITATIVE : 0),
      questions: asked.questions ?? [],
      ...rest,
    });
  if (((asked.flags ?? 0) >> 11) & 15) return reply(RCODE.notImplemented);
  if (first === undefined || more.length > 0) return reply(RCODE.formatError, { questions: [] });
  const domain = config.domain.toLowerCase();
  const name = first.name.toLowerCase();
  if (name !== domain && !name.endsWith(`.${domain}`)) return reply(RCODE.refused);
  const family = first.type === "A" ? 4 : first.type === "AAAA" ? 6 : undefined;
  const answers = config.addresses
    .filter((address) => isIP(address) === family)
    .map((data) => ({ type: first.type as "A" | "AAAA", name: first.name, ttl: limits.nameTtlSeconds, data }));
  if (answers.length > 0) return reply(RCODE.ok, { answers });
  // The name is there, this type of record is not: said so, or resolvers would take the name for unknown.
  const data = {
    mname: domain,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: limits.nameTtlSeconds,
  };
  return reply(RCODE.ok, { authorities: [{ type: "SOA", name: domain, ttl: limits.nameTtlSeconds, data }] });
}

function decode(question: Buffer): packet.DecodedPacket | undefined {
  try {
    return packet.decode(question);
  } catch {
    return undefined;
  }
}
