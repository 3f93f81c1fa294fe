// Rules by domain, header rules and secrets as the stock client speaks of them. What they do to traffic is tried on an
// internet of the tests' own by tests/attacks/c3-c7-egress.test.mjs.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { api, apiKey, apiUrl, client, create } from "./support.mjs";

const ALL = "0.0.0.0/0";
// The package registry that this host itself is configured for: the one outside name a test may count on.
const registry = new URL(execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim());
const reach = async (sandbox, url) => {
  const command = `curl -s -o /dev/null -m 10 -w '%{http_code}' ${url} || true`;
  return (await sandbox.commands.run(command, { timeoutMs: 30_000 })).stdout.trim();
};

test("an allowed domain is reached, and no other; lists are replaced on the living sandbox", async () => {
  const sandbox = await create({ network: { allowOut: [registry.hostname], denyOut: [ALL] } });
  assert.match(await reach(sandbox, registry.href), /^[234]\d\d$/);
  assert.equal(await reach(sandbox, "https://not-listed.test/"), "000");
  assert.deepEqual((await sandbox.getInfo()).network?.allowOut, [registry.hostname]);
  await sandbox.updateNetwork({ allowOut: ["*.not-listed.test"], denyOut: [ALL] });
  assert.equal(await reach(sandbox, registry.href), "000");
  await sandbox.updateNetwork({ allowOut: ["*"], denyOut: [ALL] });
  assert.match(await reach(sandbox, registry.href), /^[234]\d\d$/);
  await sandbox.updateNetwork({});
  assert.match(await reach(sandbox, registry.href), /^[234]\d\d$/);
});

test("header rules and proxies are shown as they were asked for, passwords are not", async () => {
  const rules = { "api.test": [{ transform: { headers: { Authorization: "Bearer ${e2b.secrets.some}" } } }] };
  const egressProxy = { address: "proxy.test:1080", username: "user", password: "word" };
  const sandbox = await create({ network: { rules, egressProxy } });
  const { json, text } = await api("GET", `/sandboxes/${sandbox.sandboxId}`);
  assert.deepEqual(json.network.rules, rules);
  assert.deepEqual(json.network.egressProxy, { address: "proxy.test:1080", username: "user" });
  assert.ok(!text.includes("word"));
  const log = await api("GET", `/sandboxes/${sandbox.sandboxId}/egress`);
  assert.deepEqual([log.status, log.json.proxied], [200, true]);
});

test("what the contract refuses of rules, proxies and tokens is refused in its words", async () => {
  for (const [body, text] of [
    [{ network: { allowOut: ["a.test"] } }, /you must include 'ALL_TRAFFIC' in deny out/],
    [{ network: { rules: { "not a domain": [] } } }, /is not a valid domain/],
    [
      { network: { rules: { "a.test": [{ transform: { headers: { a: "${e2b.secrets.}" } } }] } } },
      /malformed placeholder/,
    ],
    [{ network: { egressProxy: { address: "127.0.0.1:1080" } } }, /^Invalid egress proxy config: /],
    [{ iam: { tokens: { a: { audience: "x", tokenType: "other" } } } }, /JWT-SVID/],
  ]) {
    const answer = await api("POST", "/v2/sandboxes", { body: { templateID: "base", ...body } });
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(answer.json.message, text);
  }
});

test("the client's own secrets", { skip: client.Secret === undefined && "this version knows none" }, async () => {
  const { Secret } = client;
  const options = { apiKey, apiUrl };
  const name = `e2e-${Date.now()}`;
  const made = await Secret.create(name, "first", { ...options, metadata: { a: "b" } });
  assert.deepEqual([made.name, made.version, made.metadata], [name, 1, { a: "b" }]);
  assert.equal((await Secret.update(name, "second", options)).version, 2);
  assert.equal((await Secret.getInfo(made.secretId, options)).name, name);
  assert.equal(await Secret.exists(name, options), true);
  const listed = await Secret.list({ ...options, limit: 100 }).nextItems();
  assert.ok(listed.some((secret) => secret.name === name));
  assert.ok(!JSON.stringify(listed).includes("second"));
  assert.equal(await Secret.destroy(name, options), true);
  assert.equal(await Secret.exists(name, options), false);
  assert.equal(await Secret.destroy(name, options), false);
});
