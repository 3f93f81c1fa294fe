import { describe, expect, it } from "bun:test";
import type { KeptIdentityKey } from "@sandlot/db";
import { limits } from "../limits";
import { isUseless, signerOf } from "./identity";

const NOW_MS = 1_800_000_000_000;
const key = (keyId: string, ageMs: number): KeptIdentityKey => ({
  keyId,
  publicJwk: {},
  sealed: "",
  createdAtMs: NOW_MS - ageMs,
});
const DAY_MS = 86_400_000;
const { identityPublishMs, identityTokenS, identityKeysMs } = limits;

describe(signerOf, () => {
  it("is the first key at once, and a later one when it has been published for long enough", () => {
    expect(signerOf([key("only", 0)], NOW_MS)?.keyId).toBe("only");
    expect(signerOf([key("new", 0), key("old", DAY_MS)], NOW_MS)?.keyId).toBe("old");
    expect(signerOf([key("new", identityPublishMs - 1), key("old", DAY_MS)], NOW_MS)?.keyId).toBe("old");
    expect(signerOf([key("new", identityPublishMs), key("old", DAY_MS)], NOW_MS)?.keyId).toBe("new");
    expect(signerOf([key("newer", 1_000), key("new", 2_000)], NOW_MS)?.keyId).toBe("new");
  });
});

describe(isUseless, () => {
  it("is a key whose successor has signed for longer than a token lives", () => {
    const goneMs = identityPublishMs + identityTokenS * 1_000 + 2 * identityKeysMs;
    const old = key("old", DAY_MS);
    for (const [ageMs, isGone] of [
      [0, false],
      [identityPublishMs, false],
      [goneMs, false],
      [goneMs + 1, true],
    ] as const) {
      const young = key("young", ageMs);
      expect(isUseless(old, [young, old], NOW_MS)).toBe(isGone);
      expect(isUseless(young, [young, old], NOW_MS)).toBe(false);
    }
  });
});
