// Certificates from a real ACME server of this machine: Debian's pebble, with its own resolver for DNS-01.
import { afterAll, beforeAll, expect, it } from "bun:test";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { silentLogger } from "@sandlot/telemetry";
import { freePorts } from "@sandlot/testkit";
import { type CertificatesConfig, openCertificates } from "../src/index";

let dir = "";
let ports: number[] = [];
const children: Bun.Subprocess[] = [];
const DOMAIN = "box.acme.test";

beforeAll(async () => {
  if (!existsSync("/usr/bin/pebble")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const done = spawnSync("apt-get", ["install", "-y", "--no-install-recommends", "pebble"], { env });
    if (done.status !== 0) throw new Error(`apt-get could not install pebble: ${done.stderr}`);
  }
  dir = mkdtempSync(join(tmpdir(), "sandlot-acme-"));
  ports = await freePorts(6);
  const [acme, management, http, tls, dns, challenges] = ports;
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = spawnSync("openssl", [...words, "-keyout", `${dir}/key.pem`, "-out", `${dir}/ca.pem`, ...subject]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  const pebble = {
    listenAddress: `127.0.0.1:${acme}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: `${dir}/ca.pem`,
    privateKey: `${dir}/key.pem`,
    httpPort: http,
    tlsPort: tls,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
  };
  writeFileSync(join(dir, "pebble.json"), JSON.stringify({ pebble }));
  const env = { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0" };
  const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore", env } as const;
  const off = ["-http01", "", "-https01", "", "-tlsalpn01", ""];
  const resolver = ["-dns01", `127.0.0.1:${dns}`, "-management", `127.0.0.1:${challenges}`, "-defaultIPv6", ""];
  children.push(Bun.spawn(["pebble-challtestsrv", ...off, ...resolver], quiet));
  children.push(Bun.spawn(["pebble", "-config", `${dir}/pebble.json`, "-dnsserver", `127.0.0.1:${dns}`], quiet));
  // What an operator's hook would tell a provider, told to the test's resolver.
  writeFileSync(
    join(dir, "hook"),
    `#!/bin/sh
echo "$1 $2" >> ${dir}/hook.log
case $1 in
  add) exec curl -sSf -d "{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}" http://127.0.0.1:${challenges}/set-txt ;;
  remove) exec curl -sSf -d "{\\"host\\":\\"$2.\\"}" http://127.0.0.1:${challenges}/clear-txt ;;
esac
`,
  );
  chmodSync(join(dir, "hook"), 0o755);
  await untilAnswered(directoryUrl(), { ca: readFileSync(`${dir}/ca.pem`, "utf8") });
  await untilAnswered(`http://127.0.0.1:${challenges}/`);
}, 120_000);

async function untilAnswered(url: string, tls: { ca?: string } = {}): Promise<void> {
  for (let left = 600; left > 0; left -= 1) {
    const isUp = await fetch(url, { tls }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await Bun.sleep(100);
  }
  throw new Error(`nobody answers at ${url}`);
}

afterAll(() => {
  for (const child of children) child.kill();
  rmSync(dir, { recursive: true, force: true });
});

const directoryUrl = (): string => `https://localhost:${ports[0]}/dir`;

function config(name: string, dnsHook: string | undefined): CertificatesConfig {
  const acme = { directoryUrl: directoryUrl(), email: "op@acme.test", dnsHook, caFile: join(dir, "ca.pem") };
  return { dir: join(dir, name), domain: DOMAIN, acme, ownFiles: undefined };
}

const parts = { clock: systemClock, logger: silentLogger };

function ordered(name: string): X509Certificate {
  return new X509Certificate(readFileSync(join(dir, name, "acme", `${DOMAIN}.crt`)));
}

it("orders one certificate for the domain and all names below it by the DNS hook, and keeps it", async () => {
  await using certificates = await openCertificates(config("dns", join(dir, "hook")), parts);
  const before = certificates.contextFor(`api.${DOMAIN}`);
  await certificates.renew();
  const certificate = ordered("dns");
  expect(certificate.issuer).toContain("Pebble");
  expect(certificate.subjectAltName?.split(", ").sort()).toEqual([`DNS:*.${DOMAIN}`, `DNS:${DOMAIN}`]);
  const now = certificates.contextFor(`3000-abc.${DOMAIN}`);
  expect(now).not.toBe(before);
  expect(certificates.contextFor(`api.${DOMAIN}`)).toBe(now);
  expect(certificates.contextFor("other.test")).toBe(before);
  expect(statSync(join(dir, "dns", "acme", `${DOMAIN}.key`)).mode & 0o777).toBe(0o600);
  const calls = readFileSync(join(dir, "hook.log"), "utf8").trim().split("\n");
  expect(calls.filter((line) => line.startsWith("add")).length).toBe(2);
  expect(calls.filter((line) => line.startsWith("remove")).length).toBe(2);
  // Nothing is due, so nothing is ordered; another process finds what is there.
  await certificates.renew();
  expect(ordered("dns").serialNumber).toBe(certificate.serialNumber);
  await using again = await openCertificates(config("dns", join(dir, "hook")), parts);
  expect(again.contextFor(`api.${DOMAIN}`)).not.toBe(again.contextFor("other.test"));
}, 60_000);

it("renews what has a third of its time left", async () => {
  const serial = ordered("dns").serialNumber;
  const validMs = Date.parse(ordered("dns").validTo) - Date.now();
  const clock = { ...systemClock, nowMs: () => Date.now() + validMs * 0.8 };
  await using certificates = await openCertificates(config("dns", join(dir, "hook")), { ...parts, clock });
  await certificates.renew();
  expect(ordered("dns").serialNumber).not.toBe(serial);
}, 60_000);

it("answers HTTP-01 for the names of services", async () => {
  await using certificates = await openCertificates(config("http", undefined), parts);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: ports[2] as number,
    fetch(request) {
      const token = new URL(request.url).pathname.split("/").at(-1) ?? "";
      return new Response(certificates.challenges.answer(token) ?? "none");
    },
  });
  await certificates.renew();
  await server.stop(true);
  expect(ordered("http").subjectAltName?.split(", ").sort()).toEqual([`DNS:api.${DOMAIN}`, `DNS:docker.${DOMAIN}`]);
  expect(certificates.contextFor(`api.${DOMAIN}`)).not.toBe(certificates.contextFor(`3000-abc.${DOMAIN}`));
}, 60_000);

it("goes on with its own certificate when the authority says no", async () => {
  await using certificates = await openCertificates(config("refused", "/bin/false"), parts);
  await certificates.renew();
  expect(existsSync(join(dir, "refused", "acme", `${DOMAIN}.crt`))).toBe(false);
  expect(certificates.contextFor(`api.${DOMAIN}`)).toBeDefined();
}, 60_000);
