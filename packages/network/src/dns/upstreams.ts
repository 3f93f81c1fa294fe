/** Asks the host's resolvers: UDP first, TCP when the answer was cut short, the next one when there is none. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect, isIP } from "node:net";
import type { Clock } from "@sandlot/lifetime";
import { networkFaults } from "../faults";
import { limits } from "../limits";
import { buildUpstreamQuery, isAnswerTo, isTruncated, type Query, RCODE, rcodeOf } from "./message";

export type Upstream = { readonly address: string; readonly port: number };

/** The configured resolvers, else those of the host's resolv.conf; with none at all every query ends in SERVFAIL.
 * @throws Fault `network_bad_config` */
export async function readUpstreams(configured: readonly string[] | undefined): Promise<Upstream[]> {
  if (configured !== undefined && configured.length > 0) return configured.map(parseUpstream);
  const text = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  const named = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = ""]) => address);
  return named.filter((address) => isIP(address) > 0).map((address) => ({ address, port: 53 }));
}

/**
 * Asks each upstream in turn until one gives a usable answer (any code but SERVFAIL and REFUSED).
 * @returns the last unusable answer when there is no better one; undefined when nobody answered
 */
export async function askUpstreams(
  query: Query,
  upstreams: readonly Upstream[],
  clock: Clock,
): Promise<Buffer | undefined> {
  let second: Buffer | undefined;
  for (let round = 0; round < limits.dns.upstreamRounds; round += 1) {
    for (const upstream of upstreams) {
      const answer = await askUdp(query, upstream, clock);
      if (answer === undefined) continue;
      const whole = isTruncated(answer) ? ((await askTcp(query, upstream, clock)) ?? answer) : answer;
      const rcode = rcodeOf(whole);
      if (rcode !== RCODE.servFail && rcode !== RCODE.refused) return whole;
      second = whole;
    }
    if (second !== undefined) return second;
  }
  return undefined;
}

/** A socket of its own per query: a random port beside the random id is what keeps forged answers out. */
async function askUdp(query: Query, { address, port }: Upstream, clock: Clock): Promise<Buffer | undefined> {
  const id = randomInt(0x10000);
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  using _deadline = clock.after(limits.dns.upstreamMs, () => resolve(undefined));
  try {
    const socket = await Bun.udpSocket({
      connect: { hostname: address, port },
      socket: {
        data: (_socket, bytes) => {
          const answer = Buffer.from(bytes);
          if (isAnswerTo(answer, query, id)) resolve(answer);
        },
        error: () => resolve(undefined),
      },
    });
    try {
      socket.send(buildUpstreamQuery(query, id));
      return await promise;
    } finally {
      socket.close();
    }
  } catch {
    return undefined;
  }
}

async function askTcp(query: Query, { address, port }: Upstream, clock: Clock): Promise<Buffer | undefined> {
  const id = randomInt(0x10000);
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  using _deadline = clock.after(limits.dns.upstreamMs, () => resolve(undefined));
  const message = buildUpstreamQuery(query, id);
  const socket = connect({ host: address, port });
  let got = Buffer.alloc(0);
  socket.on("connect", () => socket.write(frame(message)));
  socket.on("data", (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
    const answer = got.subarray(2, 2 + got.readUInt16BE(0));
    resolve(isAnswerTo(answer, query, id) ? answer : undefined);
  });
  socket.on("error", () => resolve(undefined));
  socket.on("close", () => resolve(undefined));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** DNS over TCP: each message after its length in two bytes. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

function parseUpstream(text: string): Upstream {
  if (isIP(text) > 0) return { address: text, port: 53 };
  const [, bare, bracketed, portText] = /^(?:([\d.]+)|\[([0-9a-fA-F:.]+)\]):(\d{1,5})$/.exec(text) ?? [];
  const address = bare ?? bracketed ?? "";
  const port = Number(portText);
  if (isIP(address) === 0 || !(port >= 1 && port <= 65_535))
    throw networkFaults.bad_config({ problem: `a DNS upstream must be ip or ip:port, got ${text}` });
  return { address, port };
}
