import { describe, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { hashApiKey, maskApiKey, newApiKey, sandboxTokens, secretsEqual } from "./keys";

const KEY = `e2b_${"0123456789abcdef".repeat(3).slice(0, 40)}`;

describe(hashApiKey, () => {
  it("hashes the decoded bytes, unpadded", () => {
    const digest = createHash("sha256")
      .update(Buffer.from(KEY.slice(4), "hex"))
      .digest("base64")
      .replace("=", "");
    expect(hashApiKey(KEY)).toBe(`$sha256$${digest}`);
    expect(hashApiKey(newApiKey((n) => new Uint8Array(n)))).toStartWith("$sha256$");
  });
  const bad = [
    "",
    "e2b_",
    "e2b_0",
    "e2b_0g",
    KEY.toUpperCase(),
    ` ${KEY}`,
    `${KEY} `,
    `sk_${KEY}`,
    `e2b_${"a".repeat(10_000)}`,
  ];
  for (const key of [...bad, "e2b_１２", `${KEY}, ${KEY}`, `${KEY}\0`]) {
    it(`is undefined for ${JSON.stringify(key).slice(0, 24)}`, () => expect(hashApiKey(key)).toBeUndefined());
  }
});

it("masks all but a few characters", () => {
  expect(maskApiKey(KEY)).toEqual({
    prefix: "e2b_",
    valueLength: 40,
    maskedValuePrefix: "01",
    maskedValueSuffix: "4567",
  });
});

it("derives tokens that differ by use, sandbox and seed, and are the same every time", () => {
  const a = sandboxTokens({ seed: "s", sandboxId: "i1" });
  expect(a).toEqual(sandboxTokens({ seed: "s", sandboxId: "i1" }));
  const all = [a, sandboxTokens({ seed: "s", sandboxId: "i2" }), sandboxTokens({ seed: "t", sandboxId: "i1" })];
  expect(new Set(all.flatMap(({ envd, traffic }) => [envd, traffic])).size).toBe(6);
  expect(a.envd).toMatch(/^[0-9a-f]{64}$/);
});

it("compares secrets of any length", () => {
  expect(secretsEqual("a", "a")).toBe(true);
  expect(secretsEqual("a", "aa")).toBe(false);
  expect(secretsEqual("", "a")).toBe(false);
});
