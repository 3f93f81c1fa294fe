import { describe, expect, it } from "bun:test";
import { decode, encode } from "dns-packet";
import { AnswerCache } from "./cache";
import { buildUpstreamQuery, fitAnswer, isAnswerTo, type Query, readLifetimes, readQuery } from "./message";

const ask = (name: string, extra: object = {}): Buffer =>
  encode({ type: "query", id: 77, flags: 0x100, questions: [{ type: "A", name }], ...extra });
const opt = { type: "OPT", name: ".", udpPayloadSize: 4000, flags: 0, options: [{ code: 8, ip: "9.9.9.9" }] };

function queryOf(bytes: Buffer): Query {
  const reading = readQuery(bytes);
  if (reading === "drop" || !("query" in reading)) throw new Error("not a query");
  return reading.query;
}

function rcodeOf(bytes: Buffer): string {
  const reading = readQuery(bytes);
  return reading === "drop"
    ? "drop"
    : "query" in reading
      ? "query"
      : String((decode(reading.answer) as { rcode?: string }).rcode);
}

const answerTo = (query: Query, ttl: number, count = 1): Buffer =>
  encode({
    type: "response",
    id: query.id,
    questions: [{ type: "A", name: "a.test" }],
    answers: Array.from({ length: count }, () => ({ type: "A" as const, name: "a.test", ttl, data: "1.2.3.4" })),
  });

describe(readQuery, () => {
  it("judges opcodes, types, classes and counts", () => {
    expect(rcodeOf(ask("a.test"))).toBe("query");
    const notify = ask("a.test");
    notify.writeUInt16BE(0x2000, 2);
    expect(rcodeOf(notify)).toBe("NOTIMP");
    for (const type of [10, 251, 252, 255]) {
      const odd = ask("a.test");
      odd.writeUInt16BE(type, odd.length - 4);
      expect(rcodeOf(odd)).toBe("REFUSED");
    }
    const chaos = ask("version.bind");
    chaos.writeUInt16BE(3, chaos.length - 2);
    expect(rcodeOf(chaos)).toBe("REFUSED");
    const double = ask("a.test");
    double.writeUInt16BE(2, 4);
    expect(rcodeOf(double)).toBe("FORMERR");
    const reply = ask("a.test");
    reply.writeUInt16BE(0x8100, 2);
    expect(rcodeOf(reply)).toBe("drop");
  });

  it("never throws, whatever the bytes, and refuses names that are too long or hold pointers", () => {
    const long = Buffer.concat([
      ask("").subarray(0, 12),
      ...Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 97)])),
      Buffer.from([0, 0, 1, 0, 1]),
    ]);
    expect(rcodeOf(long)).toBe("FORMERR");
    const pointer = Buffer.concat([ask("").subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    expect(rcodeOf(pointer)).toBe("FORMERR");
    expect(readQuery(Buffer.alloc(5))).toBe("drop");
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed / 0x80000000;
    };
    const whole = ask("some.name.test", { additionals: [opt] });
    for (let round = 0; round < 5_000; round += 1) {
      const broken = Buffer.from(whole.subarray(0, Math.floor(random() * (whole.length + 1))));
      for (let flips = 0; flips < 4 && broken.length > 0; flips += 1)
        broken[Math.floor(random() * broken.length)] = Math.floor(random() * 256);
      readQuery(broken);
      if (broken.length >= 12) readLifetimes(broken);
    }
  });

  it("passes on the question and nothing a guest put beside it", () => {
    const query = queryOf(ask("A.test", { additionals: [opt] }));
    const sent = decode(buildUpstreamQuery(query, 5));
    expect(sent.questions).toEqual([{ name: "A.test", type: "A", class: "IN" }]);
    expect(sent.additionals).toHaveLength(1);
    expect(sent.additionals?.[0]).toMatchObject({ type: "OPT", udpPayloadSize: 1232, options: [] });
  });
});

describe(isAnswerTo, () => {
  it("wants the id, the direction and the very question", () => {
    const query = queryOf(ask("a.test"));
    expect(isAnswerTo(answerTo(query, 60), query, query.id)).toBe(true);
    expect(isAnswerTo(answerTo(query, 60), query, query.id + 1)).toBe(false);
    expect(isAnswerTo(answerTo(query, 60), queryOf(ask("b.test")), query.id)).toBe(false);
    expect(isAnswerTo(ask("a.test"), query, 77)).toBe(false);
  });
});

describe(AnswerCache, () => {
  it("keeps an answer for its TTL, grows it older, and gives each client its own spelling", () => {
    let nowMs = 1_000;
    const cache = new AnswerCache({ nowMs: () => nowMs, after: () => ({ [Symbol.dispose]: () => undefined }) });
    const query = queryOf(ask("a.test"));
    cache.keep(query.key, answerTo(query, 60));
    nowMs += 20_500;
    const shouting = queryOf(ask("A.TEST"));
    const kept = decode(fitAnswer(cache.read(shouting.key) ?? Buffer.alloc(0), shouting, 512));
    expect(kept.questions?.[0]?.name).toBe("A.TEST");
    expect(kept.answers?.[0]).toMatchObject({ ttl: 40 });
    nowMs += 40_000;
    expect(cache.read(query.key)).toBeUndefined();
    cache.keep(query.key, answerTo(query, 0));
    expect(cache.read(query.key)).toBeUndefined();
  });
});

describe(fitAnswer, () => {
  it("cuts what a client cannot take and says so", () => {
    const query = queryOf(ask("a.test"));
    const cut = fitAnswer(answerTo(query, 60, 100), query, 512);
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(decode(cut)).toMatchObject({ flag_tc: true, answers: [] });
  });
});
