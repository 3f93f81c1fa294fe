import { describe, expect, it } from "bun:test";
import { signLink, verifyLink } from "./preview-link";

const target = { sandboxId: "iabc", port: 3_000, trafficToken: "f".repeat(64) };
const NOW_MS = 1_800_000_000_000;

describe(verifyLink, () => {
  const token = signLink(target, NOW_MS + 60_000);

  it("opens its own port until its time", () => {
    expect(verifyLink(target, token, NOW_MS)).toBe(NOW_MS + 60_000);
    expect(verifyLink(target, token, NOW_MS + 59_999)).toBe(NOW_MS + 60_000);
    expect(verifyLink(target, token, NOW_MS + 60_000)).toBeUndefined();
  });

  it("opens nothing else", () => {
    expect(verifyLink({ ...target, port: 3_001 }, token, NOW_MS)).toBeUndefined();
    expect(verifyLink({ ...target, sandboxId: "iabd" }, token, NOW_MS)).toBeUndefined();
    expect(verifyLink({ ...target, trafficToken: "e".repeat(64) }, token, NOW_MS)).toBeUndefined();
  });

  it("does not take a later time, another signature, or another spelling", () => {
    const [expires = "", signature = ""] = token.split(".");
    const later = (Number.parseInt(expires, 36) + 1).toString(36);
    const forged = [
      `${later}.${signature}`,
      `0${expires}.${signature}`,
      `${expires}.${"A".repeat(43)}`,
      `${expires}.`,
      "",
      token.toUpperCase(),
      `${token}=`,
    ];
    for (const text of forged) expect([text, verifyLink(target, text, NOW_MS)]).toEqual([text, undefined]);
  });

  it("is never signed by an empty token", () => {
    const open = { ...target, trafficToken: "" };
    expect(verifyLink(open, signLink(open, NOW_MS + 1_000), NOW_MS)).toBeUndefined();
  });
});
