import { describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { isUuid, newSandboxId, newTemplateId, parseSandboxId, parseTemplateReference } from "./ids";

describe(newSandboxId, () => {
  it("is i and twenty of [a-z0-9], each time another", () => {
    const ids = Array.from({ length: 200 }, () => newSandboxId((n) => randomBytes(n)));
    for (const id of ids) expect(id).toMatch(/^i[a-z0-9]{20}$/);
    expect(new Set(ids).size).toBe(200);
    expect(newTemplateId((n) => randomBytes(n))).toMatch(/^[a-z0-9]{20}$/);
  });
  it("skips bytes that would favour some characters", () => {
    const bytes = [new Uint8Array(32).fill(255), new Uint8Array(32).fill(0)];
    expect(newSandboxId(() => bytes.shift() ?? new Uint8Array(32))).toBe(`i${"a".repeat(20)}`);
  });
});

describe(parseSandboxId, () => {
  it("drops one client id", () => {
    expect(parseSandboxId("iabc-6532622b")).toBe("iabc");
    expect(parseSandboxId("iabc-")).toBe("iabc");
  });
  for (const bad of ["", "-", "a-b-c", "A", "a b", "a/b", "..", "a\0", "ä", "a\n", "x".repeat(65)]) {
    it(`refuses ${JSON.stringify(bad).slice(0, 20)}`, () =>
      expect(() => parseSandboxId(bad)).toThrow("Invalid sandbox ID"));
  }
});

describe(parseTemplateReference, () => {
  it("reads all three parts, trimmed and lower-cased", () => {
    expect(parseTemplateReference(" Team/My-App_1:V1.0 ")).toEqual({
      namespace: "team",
      name: "my-app_1",
      tag: "v1.0",
    });
    expect(parseTemplateReference("base")).toEqual({ namespace: undefined, name: "base", tag: undefined });
  });
  for (const bad of ["", " ", "a/b/c", "/a", "a/", "a:", ":a", "a:b:c", "a b", "ä", "a\0b", "a:b/c", "x".repeat(300)]) {
    it(`refuses ${JSON.stringify(bad).slice(0, 20)}`, () =>
      expect(() => parseTemplateReference(bad)).toThrow("invalid template reference"));
  }
});

it("knows a UUID", () => {
  expect(isUuid("8D7F0C6E-6a3c-4d0e-9c39-0d1f2a3b4c5d")).toBe(true);
  expect(isUuid("8d7f0c6e6a3c4d0e9c390d1f2a3b4c5d")).toBe(false);
});
