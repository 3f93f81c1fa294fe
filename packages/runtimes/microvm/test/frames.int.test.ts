/** Attack E4, the guest's side: whatever comes over the line, its reader stays within its bounds and finds the next whole frame. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFrame, FILLER, MOST_ASKED } from "../src/agent/frames";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "sandlot-frames-"));
  const sources = [join(import.meta.dir, "frames.c"), join(import.meta.dir, "../guest/frame.c")];
  const flags = ["-O1", "-g", "-std=gnu17", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  const built = Bun.spawnSync(["gcc", ...flags, "-o", join(dir, "frames"), ...sources]);
  if (built.exitCode !== 0) throw new Error(String(built.stderr));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** @returns lines of what was found; anything the sanitizers say fails */
function found(bytes: Uint8Array): string[] {
  const ended = Bun.spawnSync([join(dir, "frames")], { stdin: bytes });
  expect({ exitCode: ended.exitCode, said: ended.stderr.toString() }).toEqual({ exitCode: 0, said: "" });
  return ended.stdout.toString().split("\n").slice(0, -1);
}

const frame = (id: number, length: number): Uint8Array =>
  encodeFrame({ id, what: 3, failed: false, payload: new Uint8Array(length).fill(id) });

it("takes whole frames of every size it allows, however they are cut", () => {
  const lengths = [0, 1, 19, 20, 21, 255, 256, 1_000, MOST_ASKED - 1, MOST_ASKED];
  expect(found(Buffer.concat(lengths.map((length, at) => frame(at, length))))).toEqual(
    lengths.map((length, at) => `${at} 3 ${length}`),
  );
  expect(found(Buffer.concat([frame(1, MOST_ASKED + 1), FILLER, frame(2, 5)]))).toEqual(["2 3 5"]);
});

it("finds the frame behind any half of another, once it is filled up", () => {
  const left = frame(7, 300);
  for (let cut = 0; cut < left.length; cut += 7)
    expect(found(Buffer.concat([left.subarray(0, cut), FILLER, frame(8, 4)]))).toEqual(["8 3 4"]);
});

it("finds in noise full of marks only what was put there", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const noise = Buffer.from(new Bun.CryptoHasher("sha512").update(String(seed)).digest("hex").repeat(400), "latin1");
    let state = seed;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 8) % below;
    };
    for (let at = 0; at + 20 < noise.length; at += 20 + next(200)) {
      noise.writeUInt32LE(0x31414c53, at);
      noise.writeUInt32LE(next(2) === 0 ? next(MOST_ASKED + 2) : next(2 ** 24) * 256, at + 12);
    }
    expect(found(Buffer.concat([noise, FILLER, frame(seed, 30), noise, FILLER, frame(seed + 1, 0)]))).toEqual([
      `${seed} 3 30`,
      `${seed + 1} 3 0`,
    ]);
  }
});
