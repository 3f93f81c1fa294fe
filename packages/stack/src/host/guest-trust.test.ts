import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findHostCertificates, findHostProxies, split } from "./guest-trust";

function certificate(name: string): string {
  const made = Bun.spawnSync([
    "openssl",
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", `/CN=${name}`, "-keyout", "/dev/null"],
  ]);
  return made.stdout.toString().trim();
}

test("guests get what the host trusts beyond Mozilla's list, once", () => {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-trust-"));
  const [known, corporate, local] = ["known", "corporate", "local"].map(certificate) as [string, string, string];
  const at = { bundle: join(dir, "bundle.crt"), mozilla: join(dir, "mozilla"), local: join(dir, "local") };
  mkdirSync(at.mozilla);
  mkdirSync(at.local);
  writeFileSync(join(at.mozilla, "known.crt"), known);
  writeFileSync(join(at.local, "local.crt"), `${local}\nnot a certificate\n`);
  writeFileSync(at.bundle, [known, corporate, local].join("\n"));
  expect(split(findHostCertificates(at))).toEqual([corporate, local]);
  // Without Mozilla's list everything would look extra: then only what was put there by hand counts.
  rmSync(at.mozilla, { recursive: true });
  expect(split(findHostCertificates(at))).toEqual([local]);
  rmSync(dir, { recursive: true });
  expect(findHostCertificates(at)).toBe("");
});

test("proxies come from either spelling, but not those that only the host can reach", () => {
  const found = findHostProxies({
    HTTP_PROXY: "http://proxy:3128",
    https_proxy: "http://127.0.0.1:3128",
    no_proxy: "intra",
  });
  expect(found).toEqual({ http: "http://proxy:3128", https: "", none: "intra" });
  expect(findHostProxies({})).toEqual({ http: "", https: "", none: "" });
});
