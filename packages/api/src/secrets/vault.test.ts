import { describe, expect, it } from "bun:test";
import { openVault } from "./vault";

describe(openVault, () => {
  const vault = openVault("k".repeat(32));
  it("opens what it sealed, and seals the same text differently each time", () => {
    const [one, two] = [vault.seal("häslig", "a"), vault.seal("häslig", "a")];
    expect(one).not.toBe(two);
    expect(vault.open(one, "a")).toBe("häslig");
    expect(vault.open(two, "a")).toBe("häslig");
  });
  it("refuses another context, another key, and anything that was changed", () => {
    const sealed = vault.seal("value", "team 1");
    const bytes = Buffer.from(sealed, "base64url");
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    expect(() => vault.open(sealed, "team 2")).toThrow();
    expect(() => openVault("l".repeat(32)).open(sealed, "team 1")).toThrow();
    expect(() => vault.open(bytes.toString("base64url"), "team 1")).toThrow();
    expect(() => vault.open("value", "team 1")).toThrow("not a sealed text");
    expect(sealed).not.toContain("value");
  });
});
