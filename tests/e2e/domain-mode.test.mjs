// A client that knows a domain and a key and nothing else, in a mount namespace with a resolver's file of its own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const dataDir = process.env.SANDLOT_DATA_DIR;
const { dnsHost, ports, domain } = JSON.parse(readFileSync(join(dataDir, "stack.json"), "utf8"));
const dir = mkdtempSync(join(tmpdir(), "sandlot-names-"));
writeFileSync(join(dir, "resolv.conf"), `nameserver ${dnsHost}\n`);
after(() => rmSync(dir, { recursive: true }));

/** Runs a program where names of the installation's domain are known. */
function inside(argv, env = {}) {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const words = ["-m", "--propagation", "slave", "sh", "-c", script, join(dir, "resolv.conf"), ...argv];
  const { PATH, HOME } = process.env;
  return new Promise((resolve) => {
    execFile("unshare", words, { env: { PATH, HOME, ...env }, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? 1), stdout, stderr }),
    );
  });
}

describe("a domain alone", () => {
  it("is all that a stock client needs", async () => {
    const done = await inside([process.execPath, fileURLToPath(new URL("domain/child.mjs", import.meta.url))], {
      E2B_DOMAIN: `${domain}:${ports.tls}`,
      E2B_API_KEY: process.env.E2B_API_KEY,
      SANDLOT_E2B_PACKAGE: process.env.SANDLOT_E2B_PACKAGE ?? "e2b",
      NODE_EXTRA_CA_CERTS: join(dataDir, "ca.crt"),
    });
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /all of it worked/);
  });

  it("leads to the API by name, over HTTP/2 and HTTP/1.1", async () => {
    for (const [flag, version] of [
      ["--http2", "2"],
      ["--http1.1", "1.1"],
    ]) {
      const url = `https://api.${domain}:${ports.tls}/health`;
      const ca = join(dataDir, "ca.crt");
      const { stdout, stderr } = await inside([
        "curl",
        "-sS",
        flag,
        "--cacert",
        ca,
        url,
        "-w",
        " %{http_code} %{http_version}",
      ]);
      assert.match(stdout, new RegExp(` 200 ${version}$`), stderr);
    }
  });

  it("leads to the place where images are pushed, by name", async () => {
    const words = [
      "-sS",
      "--cacert",
      join(dataDir, "ca.crt"),
      "-o",
      "/dev/null",
      "-w",
      "%{http_code} %header{www-authenticate}",
    ];
    const url = `https://docker.${domain}:${ports.tls}/v2/`;
    const stranger = await inside(["curl", ...words, url]);
    assert.match(stranger.stdout, /^401 /, stranger.stderr);
    assert.match(stranger.stdout, new RegExp(`docker\\.${domain.replaceAll(".", "\\.")}`));
  });

  it("is trusted by nobody who was not told to, and for no other name", async () => {
    const ca = join(dataDir, "ca.crt");
    const untold = await inside(["curl", "-sS", `https://api.${domain}:${ports.tls}/health`]);
    assert.equal(untold.code, 60, untold.stderr);
    const other = ["--resolve", `example.test:${ports.tls}:127.0.0.1`, `https://example.test:${ports.tls}/`];
    assert.equal((await inside(["curl", "-sS", "--cacert", ca, ...other])).code, 60);
  });
});

describe("a signed file URL that names no sandbox", () => {
  it("finds the sandbox that signed it, and no other", async () => {
    const { create, sandboxUrl } = await import("./support.mjs");
    const [one, two] = await Promise.all([create(), create()]);
    await one.files.write("/home/user/who.txt", "one");
    await two.files.write("/home/user/who.txt", "two");
    for (const [sandbox, who] of [
      [one, "one"],
      [two, "two"],
    ]) {
      const url = await sandbox.downloadUrl("/home/user/who.txt", { useSignatureExpiration: 60_000 });
      assert.ok(url.startsWith(sandboxUrl), url);
      assert.equal(await (await fetch(url)).text(), who);
      const put = await sandbox.uploadUrl("/home/user/put.txt", { useSignatureExpiration: 60_000 });
      const form = new FormData();
      form.append("file", new Blob([`for ${who}`]), "put.txt");
      assert.equal((await fetch(put, { method: "POST", body: form })).status, 200);
      assert.equal(await sandbox.files.read("/home/user/put.txt"), `for ${who}`);
    }
    const url = new URL(await one.downloadUrl("/home/user/who.txt", { useSignatureExpiration: 60_000 }));
    url.searchParams.set("path", "/etc/passwd");
    assert.equal((await fetch(url)).status, 400);
  });
});
