// A host whose own firewall drops what it does not know, as Docker and ufw set it: sandboxes have no internet, `doctor` names
// the chain, and its cure gives it back. A proxy on the host's own network, which sandboxes otherwise may not enter, is
// reached all the same. The host is a network namespace with an internet of one address behind it.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { until } from "../e2e/support.mjs";

const program = new URL("../../sandlot", import.meta.url).pathname;
const host = `fw-host-${process.pid}`;
const outside = `fw-out-${process.pid}`;
const ip = (...words) => execFileSync("ip", words);
/** In the host's network, but in this mount namespace: `ip netns exec` would hide the cgroups. */
const inHost = (...argv) => promisify(execFile)("nsenter", [`--net=/run/netns/${host}`, ...argv], { timeout: 120_000 });
const sandlot = (...words) => inHost(program, ...words, "--data", dataDir);
/** Answers every request with its first line, as a proxy gets it. */
const PROXY = `
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = ("proxied " + self.path).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text)
http.server.ThreadingHTTPServer(("203.0.114.1", 3128), Answer).serve_forever()
`;
const servers = [];
let dataDir;

function serveOutside(...argv) {
  servers.push(spawn("nsenter", [`--net=/run/netns/${outside}`, "python3", ...argv], { stdio: "ignore" }));
}

before(async () => {
  ip("netns", "add", host);
  ip("netns", "add", outside);
  for (const name of [host, outside]) ip("-n", name, "link", "set", "lo", "up");
  ip("link", "add", "up0", "netns", host, "type", "veth", "peer", "name", "eth0", "netns", outside);
  for (const [name, link, address] of [
    [host, "up0", "203.0.114.2/24"],
    [outside, "eth0", "203.0.114.1/24"],
    [outside, "lo", "11.22.33.44/32"],
  ]) {
    ip("-n", name, "addr", "add", address, "dev", link);
    ip("-n", name, "link", "set", link, "up");
  }
  ip("-n", host, "route", "add", "default", "via", "203.0.114.1");
  serveOutside("-m", "http.server", "8000", "--bind", "0.0.0.0", "--directory", "/proc/self/task");
  serveOutside("-c", PROXY);
  dataDir = mkdtempSync(join(tmpdir(), "sandlot-own-"));
  chmodSync(dataDir, 0o711);
  // Ports and ranges of another network stack are all free.
  await sandlot("up", "--detach", "--warm", "1", "--guest-proxy", "http://203.0.114.1:3128");
});
after(async () => {
  await sandlot("down");
  for (const server of servers) server.kill("SIGKILL");
  for (const name of [host, outside]) ip("netns", "del", name);
  rmSync(dataDir, { recursive: true, force: true });
});

async function firewall() {
  const { stdout } = await sandlot("doctor", "--json").catch((error) => error);
  const findings = JSON.parse(stdout).areas.flatMap((area) => area.findings);
  return findings.find(({ topic }) => topic === "firewall");
}

/** A sandbox, and a way to run a command in it. */
async function openSandbox() {
  const env = JSON.parse((await sandlot("env", "--json")).stdout);
  const headers = ["-H", `X-API-Key: ${env.E2B_API_KEY}`, "-H", "Content-Type: application/json"];
  const made = await inHost("curl", "-s", ...headers, "-d", '{"templateID":"base"}', `${env.E2B_API_URL}/sandboxes`);
  const words = ["sandbox", "exec", "--data", dataDir, "--no-stdin", JSON.parse(made.stdout).sandboxID];
  return async (...argv) => (await inHost(program, ...words, ...argv).catch((error) => error)).stdout;
}

test("sandboxes go through the host's proxy, and to nothing else beside it", async () => {
  const run = await openSandbox();
  const visit = async (...words) => await run("curl", "-s", "-m", "3", ...words);
  await until(async () => (await visit("http://intra.example/page")) === "proxied http://intra.example/page", {
    what: "an answer of the proxy",
  });
  assert.equal(await visit("--noproxy", "*", "http://203.0.114.1:8000/"), "");
  assert.match(
    await run("python3", "-c", "import urllib.request as u; print(u.urlopen('http://a.example/').read())"),
    /proxied/,
  );
});

test("doctor names a foreign chain that cuts sandboxes off, and its cure lets them out", async () => {
  const run = await openSandbox();
  const status = ["-o", "/dev/null", "-w", "%{http_code}"];
  const reach = () => run("curl", "-s", "-m", "3", "--noproxy", "*", ...status, "http://11.22.33.44:8000/");
  const isReached = async () => (await reach()) === "200";
  await until(isReached, { what: "the way out" });
  assert.equal((await firewall()).state, "good");

  await inHost("nft", "add table ip filter");
  await inHost("nft", "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
  assert.equal(await reach(), "000");
  const found = await firewall();
  assert.equal(found.state, "problem");
  assert.match(found.says, /ip filter FORWARD/);
  assert.match(found.cure, /-i sl\+ .* -o sl\+/);

  for (const direction of ["iifname", "oifname"])
    await inHost("nft", `insert rule ip filter FORWARD ${direction} "sl*" accept`);
  assert.equal((await firewall()).state, "good");
  await until(isReached, { what: "the way out after the cure" });
});
