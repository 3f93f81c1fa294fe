import { describe, expect, it } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import {
  isSignedByKey,
  makeSshCertificate,
  openSshAuthority,
  readCertifiedKey,
  verifySshCertificate,
} from "./ssh-certificate";

const NOW_MS = 1_800_000_000_000;
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const bare = publicKey.export({ format: "der", type: "spki" }).subarray(12);
const start = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
const line = `ssh-ed25519 ${Buffer.concat([start, bare]).toString("base64")} ada@example`;
const authority = openSshAuthority("seed of the test");
const asked = { sandboxId: "i1", teamId: "team-1", nowMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 };
const made = makeSshCertificate(authority, { publicKey: line, ...asked });
const blob = Buffer.from(made.split(" ")[1] ?? "", "base64");
const check = (of: Partial<{ blob: Buffer; sandboxId: string; nowMs: number }>, by = authority) =>
  verifySshCertificate(by, { blob, sandboxId: "i1", nowMs: NOW_MS, ...of });

describe(verifySshCertificate, () => {
  it("opens the one sandbox for the time, and says whose it is", () => {
    expect(made).toStartWith("ssh-ed25519-cert-v01@openssh.com ");
    expect(check({})).toBe("team-1");
    expect(check({ sandboxId: "i2" })).toBeUndefined();
    expect(check({ sandboxId: "" })).toBeUndefined();
    expect(check({ nowMs: NOW_MS + 60_000 })).toBeUndefined();
    expect(check({ nowMs: NOW_MS - 61_000 })).toBeUndefined();
  });

  it("takes no other authority's word", () => {
    expect(check({}, openSshAuthority("another seed"))).toBeUndefined();
    expect(verifySshCertificate(openSshAuthority("seed of the test"), { blob, ...asked })).toBe("team-1");
  });

  it("takes nothing that was changed in any bit, cut off or added to", () => {
    for (let at = 0; at < blob.length; at += 1) {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect([at, check({ blob: changed })]).toEqual([at, undefined]);
      expect(check({ blob: blob.subarray(0, at) })).toBeUndefined();
    }
    expect(check({ blob: Buffer.concat([blob, Buffer.from([0])]) })).toBeUndefined();
    expect(check({ blob: Buffer.alloc(4_096, 255) })).toBeUndefined();
  });
});

describe(makeSshCertificate, () => {
  it("is for Ed25519 keys", () => {
    const rsa = `ssh-rsa ${Buffer.concat([Buffer.from("000000077373682d727361", "hex"), Buffer.alloc(300)]).toString("base64")}`;
    for (const publicKey of ["", "hello", rsa, `ssh-ed25519 ${start.toString("base64")}`])
      expect(() => makeSshCertificate(authority, { publicKey, ...asked })).toThrow("publicKey");
  });
});

describe(isSignedByKey, () => {
  it("is true of the certified key's own signatures alone", () => {
    const key = readCertifiedKey(blob);
    if (key === undefined) throw new Error("no key");
    const data = Buffer.from("session and request");
    const head = Buffer.from("0000000b7373682d6564323535313900000040", "hex");
    const signature = Buffer.concat([head, sign(null, data, privateKey)]);
    expect(isSignedByKey(key, data, signature)).toBe(true);
    expect(isSignedByKey(key, Buffer.from("another"), signature)).toBe(false);
    expect(isSignedByKey(key, data, signature.subarray(1))).toBe(false);
    expect(isSignedByKey(key, data, sign(null, data, privateKey))).toBe(false);
  });
});
