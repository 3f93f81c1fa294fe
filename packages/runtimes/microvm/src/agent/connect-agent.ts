/** A session with a guest's agent: said hello to, then asked. */
import { randomBytes } from "node:crypto";
import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { microvmFaults } from "../faults";
import { limits } from "../limits";
import { numberOf, parseLines } from "./lines";
import { AgentSession, type Asked } from "./session";
import type { ConnectAgent, GuestAgent, GuestHello, GuestIdentity, GuestStats } from "./types";

export type AgentOptions = {
  readonly connect: ConnectAgent;
  /** For connecting and the first answer together; a guest that boots takes seconds. */
  readonly withinMs?: number;
  /** For each question after that; the guest's own limit for one is 5 s. */
  readonly answerMs?: number;
};

/**
 * Connects, again and again while nobody listens, and waits until the agent answers.
 * @throws Fault `microvm_agent_silent`, `microvm_agent_gone`, `microvm_agent_garbled`; the signal's reason
 */
export async function connectAgent(options: AgentOptions, signal: AbortSignal): Promise<GuestAgent> {
  const { withinMs = limits.helloMs, answerMs = limits.answerMs } = options;
  const until = performance.now() + withinMs;
  const leftMs = (): number => Math.max(1, Math.ceil(until - performance.now()));
  const session = await openSession(options.connect, leftMs, signal);
  try {
    const hello = await sayHello(session, { leftMs, waitedMs: withinMs, signal });
    session.settle();
    return agentOf({ session, hello, answerMs });
  } catch (thrown) {
    session.close("it did not say hello");
    throw thrown;
  }
}

async function openSession(connect: ConnectAgent, leftMs: () => number, signal: AbortSignal): Promise<AgentSession> {
  for (;;) {
    try {
      const stream = await connect(AbortSignal.any([signal, AbortSignal.timeout(leftMs())]));
      return new AgentSession(stream, randomBytes(4).readUInt32LE());
    } catch (thrown) {
      signal.throwIfAborted();
      if (leftMs() <= limits.reconnectGapMs) throw thrown;
      await sleep(limits.reconnectGapMs, signal);
    }
  }
}

/** Asked again while there is no answer: the first may have been swallowed by what another session left on the line. */
async function sayHello(
  session: AgentSession,
  of: { leftMs: () => number; waitedMs: number; signal: AbortSignal },
): Promise<GuestHello> {
  const nonce = randomBytes(16);
  for (let againMs: number = limits.helloAgainMs; ; againMs = Math.min(2 * againMs, limits.helloAgainMostMs)) {
    const withinMs = Math.min(of.leftMs(), againMs);
    const answer = await session.ask({ what: "hello", payload: nonce, withinMs, signal: of.signal }).catch((thrown) => {
      if (of.signal.aborted || !session.isOpen) throw thrown;
      return undefined;
    });
    if (answer !== undefined && nonce.equals(answer.subarray(0, 16))) return parseHello(answer.subarray(16));
    if (of.leftMs() <= 1) throw microvmFaults.agent_silent({ command: "hello", waitedMs: of.waitedMs });
  }
}

function parseHello(bytes: Uint8Array): GuestHello {
  const lines = parseLines(bytes);
  const protocol = numberOf(lines, "protocol");
  if (protocol < 1) throw microvmFaults.agent_garbled({ reason: `its protocol is ${protocol}` });
  return {
    protocol,
    kernel: (lines.get("kernel") ?? "").replace(/[^\x21-\x7e]/g, "?"),
    uptimeMs: numberOf(lines, "uptime_ms"),
    hasSandbox: numberOf(lines, "sandbox") === 1,
  };
}

function agentOf(of: { session: AgentSession; hello: GuestHello; answerMs: number }): GuestAgent {
  const { session, hello, answerMs } = of;
  const ask = (what: Asked, payload?: Uint8Array): Promise<Uint8Array> =>
    session.ask({ what, withinMs: answerMs, ...(payload === undefined ? {} : { payload }) });
  const tell = async (what: Asked, payload?: Uint8Array): Promise<void> => void (await ask(what, payload));
  const agent: GuestAgent = {
    hello,
    syncAhead: () => syncAhead(tell),
    async freeze() {
      await tell("freeze");
      try {
        await tell("sync");
      } catch (thrown) {
        await tell("thaw").catch(() => undefined);
        throw thrown;
      }
    },
    thaw: () => tell("thaw"),
    setClock: () => setClock(ask),
    addEntropy: (bytes) => tell("entropy", bytes),
    setIdentity: (identity) => tell("identity", identityLines(identity)),
    resetNetwork: () => tell("network"),
    limitPids: (pidsMax) => tell("pids", u32(pidsMax)),
    async resume({ entropy, identity, network, pidsMax, thaw }) {
      // Sent together, worked off in order; the thaw goes out only when all of it has been done.
      await allDone([
        tell("clock", clockNow(0)),
        agent.addEntropy(entropy),
        ...(identity === undefined ? [] : [agent.setIdentity(identity)]),
        ...(network ? [agent.resetNetwork()] : []),
        ...(pidsMax === undefined ? [] : [agent.limitPids(pidsMax)]),
      ]);
      await agent.setClock();
      if (thaw) await agent.thaw();
    },
    stats: async () => parseStats(await ask("stats")),
    readOutput: (at) => readOutput(ask, at),
    async [Symbol.asyncDispose]() {
      session.close("we hung up");
    },
  };
  return agent;
}

/** Waits for every one; the first failure is thrown when none is left under way. */
async function allDone(all: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(all)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

type Ask = (what: Asked, payload?: Uint8Array) => Promise<Uint8Array>;

/** A guest gives up after 5 s each time, and a slow disk may have much to take. */
async function syncAhead(tell: (what: Asked) => Promise<void>): Promise<void> {
  for (let round = 0; round < limits.syncRounds; round += 1) {
    const refused = await tell("sync").then(
      () => false,
      (thrown: unknown) => {
        if (isFault(thrown, "microvm_agent_refused")) return true;
        throw thrown;
      },
    );
    if (!refused) return;
  }
}

/** The first answer after a restore comes late, since the guest's code is new to the emulator. Half of what the last one took is what is not known. */
async function setClock(ask: Ask): Promise<number> {
  let tookMs = 0;
  for (let round = 0; round < limits.clockRounds; round += 1) {
    const startMs = performance.now();
    await ask("clock", clockNow(tookMs / 2));
    tookMs = performance.now() - startMs;
    if (tookMs < limits.clockGoodMs) break;
  }
  return tookMs;
}

/** @param aheadMs how long it will be under way */
function clockNow(aheadMs: number): Uint8Array {
  const out = Buffer.alloc(8);
  const nowMs = performance.timeOrigin + performance.now() + aheadMs;
  // The wall clock may have been set since this process began: then its own word counts.
  const wallMs = Math.abs(nowMs - Date.now()) > 5 ? Date.now() + aheadMs : nowMs;
  out.writeBigUInt64LE(BigInt(Math.round(wallMs * 1e6)));
  return out;
}

function identityLines({ hostname, gateway }: GuestIdentity): Uint8Array {
  return Buffer.from(`hostname=${oneLine(hostname)}\ngateway=${oneLine(gateway)}\n`);
}

const oneLine = (text: string): string => text.replace(/\s/g, "");

function u32(value: number): Uint8Array {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function parseStats(bytes: Uint8Array): GuestStats {
  const lines = parseLines(bytes);
  return {
    cpuUsedMicros: numberOf(lines, "cpu_micros"),
    memoryUsedBytes: numberOf(lines, "memory_used"),
    memoryCacheBytes: numberOf(lines, "memory_cache"),
    memoryTotalBytes: numberOf(lines, "memory_total"),
    diskUsedBytes: numberOf(lines, "disk_used"),
    diskSizeBytes: numberOf(lines, "disk_size"),
    pids: numberOf(lines, "pids"),
    oomKills: numberOf(lines, "oom_kills"),
  };
}

async function readOutput(
  ask: Ask,
  at: { fromByte: number; maxBytes: number },
): Promise<{ bytes: Uint8Array; sizeBytes: number }> {
  const most = Math.min(at.maxBytes, limits.outputBytes);
  const payload = Buffer.alloc(12);
  payload.writeBigUInt64LE(BigInt(at.fromByte));
  payload.writeUInt32LE(most, 8);
  const answer = Buffer.from(await ask("output", payload));
  if (answer.length < 8 || answer.length > 8 + most)
    throw microvmFaults.agent_garbled({ reason: `its output has ${answer.length} bytes` });
  const sizeBytes = Number(answer.readBigUInt64LE());
  if (!Number.isSafeInteger(sizeBytes)) throw microvmFaults.agent_garbled({ reason: "its output has no size" });
  return { bytes: answer.subarray(8), sizeBytes };
}
