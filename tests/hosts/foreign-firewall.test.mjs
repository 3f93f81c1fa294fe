// A host whose own firewall drops what it does not know, as Docker and ufw set it: sandboxes have no internet, `doctor` names
// the chain, and its cure gives it back. The host is a network namespace with an internet of one address behind it.
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
let dataDir;
let server;

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
  const serve = ["python3", "-m", "http.server", "8000", "--bind", "11.22.33.44", "--directory", "/proc/self/task"];
  server = spawn("nsenter", [`--net=/run/netns/${outside}`, ...serve], { stdio: "ignore" });
  dataDir = mkdtempSync(join(tmpdir(), "sandlot-own-"));
  chmodSync(dataDir, 0o711);
  // Ports and ranges of another network stack are all free.
  await sandlot("up", "--detach", "--warm", "1");
});
after(async () => {
  await sandlot("down");
  server?.kill("SIGKILL");
  for (const name of [host, outside]) ip("netns", "del", name);
  rmSync(dataDir, { recursive: true, force: true });
});

async function firewall() {
  const { stdout } = await sandlot("doctor", "--json").catch((error) => error);
  const findings = JSON.parse(stdout).areas.flatMap((area) => area.findings);
  return findings.find(({ topic }) => topic === "firewall");
}

test("doctor names a foreign chain that cuts sandboxes off, and its cure lets them out", async () => {
  const env = JSON.parse((await sandlot("env", "--json")).stdout);
  const headers = ["-H", `X-API-Key: ${env.E2B_API_KEY}`, "-H", "Content-Type: application/json"];
  const made = await inHost("curl", "-s", ...headers, "-d", '{"templateID":"base"}', `${env.E2B_API_URL}/sandboxes`);
  const { sandboxID } = JSON.parse(made.stdout);
  const visit = ["curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "http://11.22.33.44:8000/"];
  const reach = async () => {
    const words = ["sandbox", "exec", "--data", dataDir, "--no-stdin", sandboxID, ...visit];
    return (await inHost(program, ...words).catch((error) => error)).stdout;
  };
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
