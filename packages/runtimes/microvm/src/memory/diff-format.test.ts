import { describe, expect, it } from "bun:test";
import { type DiffRun, encodeDiff, indexPlace, parseHeader, parseIndex } from "./diff-format";
import { PAGE_BYTES } from "./pages";

const RUNS: readonly DiffRun[] = [
  { firstPage: 0, pages: 3, isZero: false },
  { firstPage: 3, pages: 2, isZero: true },
  { firstPage: 90, pages: 10, isZero: false },
];
const TOTAL = 100 * PAGE_BYTES;

function parse({ header, index }: { header: Buffer; index: Buffer }) {
  return parseIndex(parseHeader(header), index);
}

/** Deterministic: a failure can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("a file of changed pages", () => {
  it("says again what was put into it, and where its pages lie", () => {
    const encoded = encodeDiff({ totalBytes: TOTAL, runs: RUNS });
    expect(parse(encoded)).toEqual({ totalBytes: TOTAL, runs: [...RUNS] });
    expect(indexPlace(parseHeader(encoded.header))).toEqual({ at: 14 * PAGE_BYTES, bytes: 24 });
    expect(parse(encodeDiff({ totalBytes: 0, runs: [] }))).toEqual({ totalBytes: 0, runs: [] });
  });

  it.each([
    ["runs out of order", [RUNS[2], RUNS[0]]],
    ["runs over each other", [RUNS[0], { firstPage: 2, pages: 1, isZero: true }]],
    ["an empty run", [{ firstPage: 1, pages: 0, isZero: true }]],
    ["a run beyond the end", [{ firstPage: 99, pages: 2, isZero: false }]],
    ["a run beyond all numbers", [{ firstPage: 2 ** 32 - 1, pages: 2 ** 31 - 1, isZero: false }]],
  ])("refuses %s", (_, runs) => {
    expect(() => parse(encodeDiff({ totalBytes: TOTAL, runs: runs as DiffRun[] }))).toThrow("cannot be used");
  });

  it("refuses every damage of the index, and takes no more room than its bounds whatever the header says", () => {
    const random = randomFrom(7);
    const whole = encodeDiff({ totalBytes: TOTAL, runs: RUNS });
    for (let at = 0; at < whole.index.length; at += 1) {
      const index = Buffer.from(whole.index);
      index[at] = (index[at] ?? 0) ^ (1 + random(255));
      expect(() => parse({ header: whole.header, index })).toThrow("damaged");
    }
    for (let round = 0; round < 5_000; round += 1) {
      const header = Buffer.from(whole.header);
      for (let changes = 1 + random(4); changes > 0; changes -= 1) header[random(80)] = random(256);
      let place: ReturnType<typeof indexPlace> | undefined;
      try {
        const parsed = parseHeader(header);
        place = indexPlace(parsed);
        expect(parsed.runCount * PAGE_BYTES).toBeLessThanOrEqual(parsed.totalBytes);
        expect(parsed.storedPages * PAGE_BYTES).toBeLessThanOrEqual(parsed.totalBytes);
        parseIndex(parsed, whole.index);
      } catch (thrown) {
        expect((thrown as { code?: string }).code).toBe("microvm_diff_unreadable");
      }
      if (place !== undefined) expect(place.bytes).toBeLessThanOrEqual(2 ** 28);
    }
  });

  it("refuses another version, another page size and a header cut short", () => {
    const { header } = encodeDiff({ totalBytes: TOTAL, runs: RUNS });
    expect(() => parseHeader(header.subarray(0, 4095))).toThrow("cut short");
    const newer = Buffer.from(header);
    newer.write("2", 14);
    expect(() => parseHeader(newer)).toThrow("not one of ours");
    const large = Buffer.from(header);
    large.writeUInt32LE(16384, 16);
    expect(() => parseHeader(large)).toThrow("another size");
  });
});
