import { describe, expect, it } from "bun:test";
import { parseSshPublicKey } from "./ssh-key";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

describe(parseSshPublicKey, () => {
  it("takes a line of id_ed25519.pub apart", () => {
    const key = parseSshPublicKey(`${KEY} ada@example\n`);
    expect(key.text).toBe(KEY);
    expect(key.comment).toBe("ada@example");
    expect(key.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it("refuses what is no key", () => {
    const bad = [
      "",
      "hello",
      "ssh-dss AAAA",
      KEY.replace("ed25519", "rsa"),
      `${KEY}!`,
      `command="x" ${KEY}`,
      `${KEY}\n${KEY}`,
    ];
    for (const line of bad) expect(() => parseSshPublicKey(line)).toThrow();
  });
});
