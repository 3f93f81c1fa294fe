import { describe, expect, it } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { silentLogger } from "@sandlot/telemetry";
import { ensureAuthority } from "./authority";
import { covers, isDue, openCertificates } from "./certificates";
import { keepKeyPair } from "./key-pair";

function temporary(): Disposable & { readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), "names-"));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

const NOW_MS = Date.now();
const DAY_MS = 24 * 3_600_000;

describe(ensureAuthority, () => {
  it("is made once, its key for the owner alone, and vouches for its domain", async () => {
    using at = temporary();
    const one = await ensureAuthority({ dir: at.dir, domain: "box.test", nowMs: NOW_MS });
    const two = await ensureAuthority({ dir: at.dir, domain: "box.test", nowMs: NOW_MS });
    expect(two.certPem).toBe(one.certPem);
    expect(statSync(join(at.dir, "ca/box.test.key")).mode & 0o777).toBe(0o600);
    const leaf = new X509Certificate((await two.issue(NOW_MS)).certPem);
    expect(leaf.checkIssued(new X509Certificate(one.certPem))).toBe(true);
    expect(leaf.checkHost("3000-abc.box.test")).toBe("*.box.test");
    expect(leaf.checkHost("a.b.box.test")).toBeUndefined();
  });
});

describe(openCertificates, () => {
  const parts = { clock: systemClock, logger: silentLogger };
  const config = (dir: string, ownFiles?: string) => ({ dir, domain: "box.test", acme: undefined, ownFiles });

  it("makes its own again when a third of its time is left, or another authority made it", async () => {
    using at = temporary();
    const serial = (): string => new X509Certificate(readFileSync(join(at.dir, "own/box.test.crt"))).serialNumber;
    await (await openCertificates(config(at.dir), parts))[Symbol.asyncDispose]();
    const first = serial();
    await (await openCertificates(config(at.dir), parts))[Symbol.asyncDispose]();
    expect(serial()).toBe(first);
    const later = { ...systemClock, nowMs: () => NOW_MS + 61 * DAY_MS };
    await (await openCertificates(config(at.dir), { ...parts, clock: later }))[Symbol.asyncDispose]();
    const second = serial();
    expect(second).not.toBe(first);
    rmSync(join(at.dir, "ca"), { recursive: true });
    await (await openCertificates(config(at.dir), parts))[Symbol.asyncDispose]();
    expect(serial()).not.toBe(second);
  });

  it("shows an operator's certificate for its names, takes up a new one, and survives a broken one", async () => {
    using at = temporary();
    const base = join(at.dir, "mine");
    const other = await ensureAuthority({ dir: join(at.dir, "other"), domain: "box.test", nowMs: NOW_MS });
    keepKeyPair(base, await other.issue(NOW_MS));
    await using certificates = await openCertificates(config(join(at.dir, "edge"), base), parts);
    const first = certificates.contextFor("api.box.test");
    expect(certificates.contextFor("elsewhere.test")).not.toBe(first);
    keepKeyPair(base, await other.issue(NOW_MS));
    await certificates.renew();
    const second = certificates.contextFor("API.box.test");
    expect(second).not.toBe(first);
    writeFileSync(`${base}.crt`, "nonsense");
    await certificates.renew();
    expect(certificates.contextFor("api.box.test")).toBe(second);
  });
});

describe(covers, () => {
  it("takes a wildcard for exactly one label", () => {
    const cases = ["a.box.test", "box.test", "a.b.box.test", ".box.test"];
    expect(cases.map((name) => covers("*.box.test", name))).toEqual([true, false, false, false]);
    expect(covers("box.test", "box.test")).toBe(true);
  });
});

describe(isDue, () => {
  it("is when less than a third is left", () => {
    const facts = { notBeforeMs: 0, notAfterMs: 90 };
    expect([59, 61].map((nowMs) => isDue(facts, nowMs))).toEqual([false, true]);
  });
});
