import { describe, expect, it } from "bun:test";
import { checkIam } from "./iam-request";
import { checkSecretMetadata, checkSecretValue, parseSecretName } from "./secret-request";

describe(parseSecretName, () => {
  it("lowers the case and refuses what is reserved or malformed", () => {
    expect(parseSecretName("My_Key-1")).toBe("my_key-1");
    for (const name of ["", "sec_x", "SEC_x", "a b", "a.b", "ä", "x".repeat(129)])
      expect(() => parseSecretName(name)).toThrow("name");
  });
});

describe(checkSecretMetadata, () => {
  it("keeps to the contract's bounds", () => {
    const entries = (count: number, bytes: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, "v".repeat(bytes)]));
    checkSecretMetadata(entries(32, 200));
    for (const bad of [entries(33, 1), entries(1, 1025), entries(9, 1000), { ["k".repeat(129)]: "" }, { "": "x" }])
      expect(() => checkSecretMetadata(bad)).toThrow("metadata");
  });
});

describe(checkSecretValue, () => {
  it("refuses nothing and too much", () => {
    checkSecretValue("x");
    for (const bad of ["", "x".repeat(64 * 1024 + 1)]) expect(() => checkSecretValue(bad)).toThrow("value");
  });
});

describe(checkIam, () => {
  it("takes five JWT-SVIDs and refuses the rest", () => {
    const token = { audience: "a", tokenType: "JWT-SVID" };
    checkIam({ a: token, "b c": token });
    const six = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, token]));
    for (const bad of [
      six,
      { "a}": token },
      { a: { ...token, tokenType: "X509-SVID" } },
      { a: { ...token, audience: "" } },
    ])
      expect(() => checkIam(bad)).toThrow("iam.tokens");
  });
});
