import { describe, expect, it } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { makeAuthority, openIssuer } from "./authority";

const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;

describe(openIssuer, () => {
  it("issues what its authority vouches for, with the authority behind it", async () => {
    const authority = await makeAuthority({ name: "Test", nowMs: NOW_MS, lifeMs: 9 * DAY_MS });
    const issuer = await openIssuer(authority);
    const names = [`${"long-".repeat(14)}name.test`, "*.a.test"] as const;
    const { certPem, keyPem } = await issuer.issue({ names: [...names], nowMs: NOW_MS, lifeMs: DAY_MS });
    const [leaf, root] = [new X509Certificate(certPem), new X509Certificate(authority.certPem)];
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect([leaf.checkHost(names[0]), leaf.checkHost("x.a.test")]).toEqual([names[0], "*.a.test"]);
    expect([leaf.ca, root.ca]).toEqual([false, true]);
    expect([Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]).toEqual([NOW_MS - DAY_MS, NOW_MS + DAY_MS]);
    expect(certPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(authority.certPem).not.toContain("PRIVATE");
  });

  it("says so when it is none", async () => {
    const { keyPem } = await makeAuthority({ name: "Test", nowMs: NOW_MS, lifeMs: DAY_MS });
    await expect(openIssuer({ certPem: "nonsense", keyPem })).rejects.toThrow();
  });
});
