import { describe, expect, it } from "bun:test";
import { checkFileAccess, signFileUrl } from "./signature";

describe(signFileUrl, () => {
  it("hashes path, operation, user, token and expiry, joined by colons, as unpadded base64", () => {
    const hash = (text: string): string =>
      new Bun.CryptoHasher("sha256").update(text).digest("base64").replace("=", "");
    expect(signFileUrl({ path: "a b", operation: "read", user: "u", token: "t" })).toBe(`v1_${hash("a b:read:u:t")}`);
    expect(signFileUrl({ path: "", operation: "write", user: "", token: "t", expiry: "17" })).toBe(
      `v1_${hash(":write::t:17")}`,
    );
  });
});

describe(checkFileAccess, () => {
  const check = (
    query: Record<string, string>,
    headers: Record<string, string> = {},
    token: string | undefined = "t",
  ): void =>
    checkFileAccess({
      headers: new Headers(headers),
      query: new URLSearchParams(query),
      operation: "read",
      token,
      nowMs: 100_000,
    });

  it("asks for nothing while no token is installed", () => {
    expect(() =>
      checkFileAccess({
        headers: new Headers(),
        query: new URLSearchParams(),
        operation: "read",
        token: undefined,
        nowMs: 0,
      }),
    ).not.toThrow();
  });

  it("lets an expiry of this very second pass and the second before not", () => {
    const signed = (expiry: string) => ({
      signature: signFileUrl({ path: "", operation: "read", user: "", token: "t", expiry }),
      signature_expiration: expiry,
    });
    expect(() => check(signed("100"))).not.toThrow();
    expect(() => check(signed("99"))).toThrow("signature is already expired");
    expect(() => check({ ...signed("99"), signature_expiration: "100" })).toThrow("invalid signature");
    expect(() => check({ ...signed("99"), signature_expiration: "1e9" })).toThrow("whole number");
  });

  it("goes by the header alone when there is one", () => {
    const signature = signFileUrl({ path: "", operation: "read", user: "", token: "t" });
    expect(() => check({}, { "x-access-token": "t" })).not.toThrow();
    expect(() => check({ signature }, { "x-access-token": "x" })).toThrow("does not match");
    expect(() => check({ signature: signature.slice(0, -1) })).toThrow("invalid signature");
    expect(() => check({})).toThrow("missing signature query parameter");
  });
});
