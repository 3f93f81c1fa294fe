import { afterAll, describe, expect, it } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { limits } from "../limits";
import { ensureAuthority } from "./authority";

const dir = mkdtempSync(join(tmpdir(), "sandlot-authority-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe(ensureAuthority, () => {
  it("is made once, by one of several, and only root can read it", async () => {
    const path = join(dir, "deep/ca.pem");
    const all = await Promise.all([1, 2, 3].map(() => ensureAuthority(path, systemClock)));
    expect(new Set(all.map(({ certPem }) => certPem)).size).toBe(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(all[0]?.certPem).not.toContain("PRIVATE");
    expect((await ensureAuthority(path, systemClock)).certPem).toBe(all[0]?.certPem ?? "");
  });
  it("vouches for one name, for a while", async () => {
    let nowMs = Date.now();
    const authority = await ensureAuthority(join(dir, "two.pem"), { ...systemClock, nowMs: () => nowMs });
    const leaf = await authority.leaf("api.test");
    const [certificate, issuer] = [new X509Certificate(leaf.certPem), new X509Certificate(authority.certPem)];
    expect([certificate.checkHost("api.test"), certificate.checkHost("x.api.test")]).toEqual(["api.test", undefined]);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(leaf.keyPem))).toBe(true);
    expect([certificate.ca, issuer.ca]).toEqual([false, true]);
    expect(await authority.leaf("api.test")).toBe(leaf);
    nowMs += limits.leafMs / 2 + 1;
    expect(await authority.leaf("api.test")).not.toBe(leaf);
  });
  it("says when the file is none", async () => {
    writeFileSync(join(dir, "bad.pem"), "nonsense");
    await expect(ensureAuthority(join(dir, "bad.pem"), systemClock)).rejects.toMatchObject({
      code: "egress_authority_unusable",
    });
  });
});
