import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { lookup } from "node:dns/promises";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { api, create } from "./support.mjs";

const tryConnect = (address, port) =>
  `timeout 3 bash -c '</dev/tcp/${address}/${port}' 2>/dev/null && echo reached || echo refused`;

test("metadata, private ranges, the host and its services are out of reach", async () => {
  const sandbox = await create();
  const hostPorts = [process.env.E2B_API_URL, process.env.E2B_SANDBOX_URL].map((url) => new URL(url).port);
  const targets = [
    ["169.254.169.254", 80],
    ["100.100.100.200", 80],
    ["10.0.0.1", 80],
    ["172.16.0.1", 80],
    ["192.168.0.1", 80],
    ["100.64.0.1", 80],
    ["0.0.0.0", hostPorts[0]],
    ...hostPorts.map((port) => ["169.254.0.22", port]),
  ];
  const results = await Promise.all(targets.map(([address, port]) => sandbox.commands.run(tryConnect(address, port))));
  assert.deepEqual(
    results.map((result) => result.stdout.trim()),
    targets.map(() => "refused"),
  );
});

test("one sandbox cannot reach another", async () => {
  const [one, two] = await Promise.all([create(), create()]);
  await two.commands.run("python3 -m http.server 8000", { background: true });
  const route = (await one.commands.run("ip -4 addr show eth0; ip route")).stdout;
  assert.match(route, /169\.254\.0\.21/);
  assert.equal((await one.commands.run(tryConnect("169.254.0.21", 8000))).stdout.trim(), "refused");
});

// The package registry that this host itself is configured for: the one outside name a test may count on.
const registry = new URL(execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim()).hostname;

test("names resolve through the node, and not at all without internet", async () => {
  const open = await create();
  assert.match(
    (await open.commands.run(`getent hosts ${registry}; cat /etc/resolv.conf`)).stdout,
    /\d+\.\d+[\s\S]*nameserver 169\.254\.0\.22/,
  );
  const { address } = await lookup(registry, { family: 4 });
  assert.equal((await open.commands.run(tryConnect(address, 443))).stdout.trim(), "reached");
  const closed = await create({ allowInternetAccess: false });
  assert.equal((await closed.commands.run(`timeout 5 getent hosts ${registry} || echo none`)).stdout.trim(), "none");
  assert.equal((await closed.commands.run(tryConnect(address, 443))).stdout.trim(), "refused");
});

test("allow and deny lists decide, and can be replaced on the living sandbox", async () => {
  const { address } = await lookup(registry, { family: 4 });
  const only = await create({ network: { denyOut: ["0.0.0.0/0"], allowOut: [address] } });
  assert.equal((await only.commands.run(tryConnect(address, 443))).stdout.trim(), "reached");
  const never = await create({ network: { denyOut: [`${address}/32`] } });
  assert.equal((await never.commands.run(tryConnect(address, 443))).stdout.trim(), "refused");
  const info = await never.getInfo();
  assert.deepEqual(info.network?.denyOut, [`${address}/32`]);
  await never.updateNetwork({});
  assert.equal((await never.commands.run(tryConnect(address, 443))).stdout.trim(), "reached");
  await never.updateNetwork({ denyOut: ["0.0.0.0/0"] });
  assert.equal((await never.commands.run(tryConnect(address, 443))).stdout.trim(), "refused");
});

test("bad addresses are refused with the words clients know", async () => {
  for (const [network, text] of [
    [{ denyOut: ["example.com"] }, /invalid denied CIDR example\.com/],
    [{ allowOut: ["1.2.3.4/40"] }, /invalid allowed address 1\.2\.3\.4\/40/],
    [{ allowOut: ["example.com"] }, /ALL_TRAFFIC/],
  ]) {
    const answer = await api("POST", "/v2/sandboxes", { body: { templateID: "base", network } });
    assert.equal(answer.status, 400, JSON.stringify(network));
    assert.match(answer.json.message, text);
  }
});

test("package managers work inside as they do on the host", async () => {
  const sandbox = await create();
  const run = (command) => sandbox.commands.run(command, { timeoutMs: 120_000 });
  await run(
    "sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends tree >/dev/null && tree --version",
  );
  assert.match(
    (
      await run(
        "mkdir -p /tmp/n && cd /tmp/n && npm init -y >/dev/null && npm install --silent is-number@7.0.0 && ls node_modules",
      )
    ).stdout,
    /is-number/,
  );
  const dir = mkdtempSync(join(tmpdir(), "sandlot-pip-"));
  const words = ["-m", "pip", "download", "--no-deps", "-q", "-d", dir, "six==1.16.0"];
  const pip = spawnSync("python3", words, { timeout: 60_000 });
  rmSync(dir, { recursive: true });
  if (pip.status === 0)
    await run("python3 -m venv /tmp/v && /tmp/v/bin/pip install -q six==1.16.0 && /tmp/v/bin/python -c 'import six'");
});
