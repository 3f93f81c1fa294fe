import { describe, expect, it } from "bun:test";
import { connectAgent } from "./connect-agent";
import { encodeFrame, type Frame, FrameReader } from "./frames";
import { ASK } from "./session";
import type { AgentStream, ConnectAgent, GuestAgent } from "./types";

type Answer = { failed?: boolean; payload?: Uint8Array } | "silent" | "hang up";

const HELLO = "protocol=1\nkernel=6.1.0-56\nuptime_ms=1900\nsandbox=1\n";

/** A guest at the other end of a line: `answer` decides, hello is answered as the real one does. */
function guest(answer: (asked: Frame) => Answer): {
  connect: ConnectAgent;
  asked: Frame[];
  say: (bytes: Uint8Array) => void;
} {
  const asked: Frame[] = [];
  let stream: AgentStream | undefined;
  const say = (bytes: Uint8Array): void => stream?.onData(bytes);
  const connect: ConnectAgent = async () => {
    const reader = new FrameReader();
    stream = {
      onData: () => undefined,
      onClose: () => undefined,
      close: () => undefined,
      write(bytes) {
        for (const frame of reader.take(bytes)) {
          asked.push(frame);
          const told: Answer =
            frame.what === ASK.hello ? { payload: Buffer.concat([frame.payload, Buffer.from(HELLO)]) } : answer(frame);
          if (told === "hang up") queueMicrotask(() => stream?.onClose("the guest has gone"));
          else if (told !== "silent")
            queueMicrotask(() =>
              say(encodeFrame({ ...frame, failed: told.failed ?? false, payload: told.payload ?? new Uint8Array() })),
            );
        }
      },
    };
    return stream;
  };
  return { connect, asked, say };
}

const never = new AbortController().signal;
const open = (connect: ConnectAgent, answerMs = 20_000): Promise<GuestAgent> =>
  connectAgent({ connect, withinMs: 20_000, answerMs }, never);

describe(connectAgent, () => {
  it("says hello, and tells what the guest says of itself", async () => {
    await using agent = await open(guest(() => ({})).connect);
    expect(agent.hello).toEqual({ protocol: 1, kernel: "6.1.0-56", uptimeMs: 1_900, hasSandbox: true });
  });

  it("lets a restored guest run only when it has all that makes it another one", async () => {
    const good = guest(() => ({}));
    await using agent = await open(good.connect);
    const wanted = {
      entropy: new Uint8Array(32),
      identity: { hostname: "other", gateway: "169.254.0.22" },
      network: true,
      pidsMax: 77,
      thaw: true,
    };
    await agent.resume(wanted);
    const order = good.asked.map(({ what }) => what);
    expect(order.slice(1, 6)).toEqual([ASK.clock, ASK.entropy, ASK.identity, ASK.network, ASK.pids]);
    expect(order.slice(6).filter((what) => what !== ASK.clock)).toEqual([ASK.thaw]);
    expect(order.at(-2)).toBe(ASK.clock);

    const bad = guest(({ what }) =>
      what === ASK.identity ? { failed: true, payload: Buffer.from("/etc is a \x1b[31mfifo") } : {},
    );
    await using other = await open(bad.connect);
    await expect(other.resume(wanted)).rejects.toThrow("could not do identity: /etc is a ?[31mfifo");
    expect(bad.asked.map(({ what }) => what)).not.toContain(ASK.thaw);
  });

  it("gives up on a guest that says nothing, and goes on with the next question", async () => {
    const quiet = guest(({ what }) => (what === ASK.freeze ? "silent" : {}));
    await using agent = await open(quiet.connect, 30);
    await expect(agent.freeze()).rejects.toMatchObject({ code: "microvm_agent_silent" });
    await agent.thaw();
  });

  it("tells everyone who waits when the line ends, and later callers too", async () => {
    const gone = guest(({ what }) => (what === ASK.stats ? "hang up" : "silent"));
    await using agent = await open(gone.connect);
    const ended = await Promise.allSettled([agent.freeze(), agent.thaw(), agent.stats()]);
    for (const one of ended) expect(one).toMatchObject({ status: "rejected", reason: { code: "microvm_agent_gone" } });
    await expect(agent.freeze()).rejects.toMatchObject({ code: "microvm_agent_gone" });
  });

  it("believes no answer that nobody asked for, nor one to another question", async () => {
    const liar = guest(({ what }) => (what === ASK.freeze ? "silent" : {}));
    await using agent = await open(liar.connect, 40);
    const frozen = agent.freeze();
    const id = liar.asked.at(-1)?.id ?? 0;
    for (const told of [
      { id: id + 1, what: ASK.freeze },
      { id, what: ASK.thaw },
      { id: 0, what: ASK.freeze },
    ])
      liar.say(encodeFrame({ ...told, failed: false, payload: new Uint8Array() }));
    await expect(frozen).rejects.toMatchObject({ code: "microvm_agent_silent" });
  });

  it.each([
    ["no numbers", "cpu_micros=many\n"],
    ["numbers below nothing", "cpu_micros=-1\n"],
    ["numbers without end", `cpu_micros=${"9".repeat(40)}\n`],
    ["nothing", ""],
  ])("takes %s for no facts of a guest", async (_, lines) => {
    await using agent = await open(guest(() => ({ payload: Buffer.from(lines) })).connect);
    await expect(agent.stats()).rejects.toMatchObject({ code: "microvm_agent_garbled" });
  });

  it("hangs up on a guest that talks without end, before it has cost much", async () => {
    const talker = guest(() => "silent");
    await using agent = await open(talker.connect);
    const frozen = agent.freeze();
    // Marks with lengths that make a reader look at much for each.
    const mark = Buffer.from(encodeFrame({ id: 1, what: 5, failed: false, payload: new Uint8Array() }));
    mark.writeUInt32LE(60_000, 12);
    const talk = Buffer.concat(Array.from({ length: 3_000 }, () => mark));
    const before = process.cpuUsage();
    for (let said = 0; said <= 2 << 20; said += talk.length) talker.say(talk);
    await expect(frozen).rejects.toMatchObject({
      code: "microvm_agent_gone",
      message: expect.stringMatching(/nobody asked/),
    });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2_000);
  });

  it("lets late answers to an earlier session pass by", async () => {
    const late = guest(() => ({}));
    await using agent = await open(late.connect);
    const payload = new Uint8Array(60_000);
    for (let round = 0; round < 40; round += 1) {
      for (let id = 0; id < 10; id += 1) late.say(encodeFrame({ id, what: ASK.output, failed: false, payload }));
      await agent.thaw();
    }
  });

  it("takes no more output than it asked for", async () => {
    const flood = guest(() => ({ payload: new Uint8Array(8 + 101) }));
    await using agent = await open(flood.connect);
    await expect(agent.readOutput({ fromByte: 0, maxBytes: 100 })).rejects.toMatchObject({
      code: "microvm_agent_garbled",
    });
  });

  it("tries again while nobody listens yet, and stops when told to", async () => {
    const late = guest(() => ({}));
    let tries = 0;
    const connect: ConnectAgent = async (signal) => {
      tries += 1;
      if (tries < 3) throw new Error("nobody listens");
      return await late.connect(signal);
    };
    await using agent = await open(connect);
    expect(agent.hello.protocol).toBe(1);
    const stop = new AbortController();
    const refused: ConnectAgent = async () => {
      stop.abort(new Error("enough"));
      throw new Error("nobody listens");
    };
    await expect(connectAgent({ connect: refused }, stop.signal)).rejects.toThrow("enough");
  });
});
