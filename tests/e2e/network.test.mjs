import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "./support.mjs";

const tryConnect = (address, port) => `timeout 3 bash -c '</dev/tcp/${address}/${port}' 2>/dev/null && echo reached || echo refused`;

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
  assert.deepEqual(results.map((result) => result.stdout.trim()), targets.map(() => "refused"));
});

test("one sandbox cannot reach another", async () => {
  const [one, two] = await Promise.all([create(), create()]);
  await two.commands.run("python3 -m http.server 8000", { background: true });
  const route = (await one.commands.run("ip -4 addr show eth0; ip route")).stdout;
  assert.match(route, /169\.254\.0\.21/);
  assert.equal((await one.commands.run(tryConnect("169.254.0.21", 8000))).stdout.trim(), "refused");
});

test("names resolve only through the node, and not at all without internet", async () => {
  const closed = await create({ allowInternetAccess: false });
  const lookup = await closed.commands.run("getent hosts deb.debian.org || echo none; cat /etc/resolv.conf");
  assert.match(lookup.stdout, /none/);
  assert.match(lookup.stdout, /nameserver 169\.254\.0\.22/);
  assert.equal((await closed.commands.run(tryConnect("203.0.113.80", 80))).stdout.trim(), "refused");
});
