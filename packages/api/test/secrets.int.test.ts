// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { createPublicKey, verify } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ValueService } from "@sandlot/contracts/egress";
import { openDatabase } from "@sandlot/db";
import { ADMIN, type Installation, NODE_TOKEN, OTHER_KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());

const values = () => createClient(ValueService, createGrpcTransport({ baseUrl: `http://${at.api.internalAddress}` }));
const asNode = { headers: { Authorization: `Bearer ${NODE_TOKEN}` } };
const asAdmin = { "X-Admin-Token": ADMIN };
const VALUE = "s3cr3t-value-of-the-test";

async function makeSecret(name: string, value = VALUE): Promise<string> {
  const { status, body } = await at.call("POST", "/secrets", { body: { name, value } });
  expect(status).toBe(201);
  return String(body.secretID);
}

describe("/secrets", () => {
  it("keeps, shows, replaces and forgets, and never says a value", async () => {
    const made = await at.call("POST", "/secrets", { body: { name: "My_Key", value: VALUE, metadata: { a: "b" } } });
    expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(made.body).toMatchObject({ name: "my_key", currentVersion: 1, metadata: { a: "b" } });
    const id = String(made.body.secretID);
    expect(id).toMatch(/^sec_[0-9a-f]{24}$/);
    const again = await at.call("POST", "/secrets", { body: { name: "MY_KEY", value: "x" } });
    expect([again.status, again.body.error_code]).toEqual([409, "secret_taken"]);
    const second = await at.call("POST", `/secrets/my_KEY`, { body: { value: "other" } });
    expect(second.body).toMatchObject({ secretID: id, currentVersion: 2, metadata: { a: "b" } });
    const third = await at.call("POST", `/secrets/${id}`, { body: { value: "third", metadata: {} } });
    expect(third.body).toMatchObject({ currentVersion: 3, metadata: {} });
    const shown = await at.call("GET", `/secrets/${id}`);
    expect(shown.body).toEqual(third.body);
    for (const answer of [made, second, third, shown])
      for (const value of [VALUE, "third"]) expect(answer.text).not.toContain(value);
    expect((await at.call("DELETE", "/secrets/my_key")).status).toBe(204);
    const gone = await at.call("GET", `/secrets/${id}`);
    expect([gone.status, gone.body.message]).toEqual([404, "Secret not found"]);
    expect((await at.call("DELETE", `/secrets/${id}`)).status).toBe(404);
    expect((await at.call("POST", `/secrets/${id}`, { body: { value: "x" } })).status).toBe(404);
  });

  it("refuses what the contract bounds", async () => {
    for (const body of [
      { name: "sec_x", value: "v" },
      { name: "a b", value: "v" },
      { name: "ok", value: "" },
      { name: "ok", value: "v", metadata: { k: "x".repeat(1025) } },
      { name: "ok" },
    ])
      expect((await at.call("POST", "/secrets", { body })).status).toBe(400);
  });

  it("pages newest first", async () => {
    const names = ["page-1", "page-2", "page-3"];
    for (const name of names) await makeSecret(name);
    const first = await at.call("GET", "/secrets?limit=2");
    const token = first.headers.get("x-next-token") ?? "";
    const second = await at.call("GET", `/secrets?limit=100&nextToken=${encodeURIComponent(token)}`);
    const all = [first, second].flatMap(({ body }) => (body as unknown as { name: string }[]).map(({ name }) => name));
    expect(all.slice(0, 3)).toEqual(names.toReversed());
    expect((await at.call("GET", "/secrets?nextToken=x")).status).toBe(400);
  });

  it("keeps another team away (attack A2)", async () => {
    const id = await makeSecret("private");
    const headers = { "X-API-Key": OTHER_KEY };
    for (const name of [id, "private"]) {
      expect((await at.call("GET", `/secrets/${name}`, { headers })).status).toBe(404);
      expect((await at.call("POST", `/secrets/${name}`, { headers, body: { value: "x" } })).status).toBe(404);
      expect((await at.call("DELETE", `/secrets/${name}`, { headers })).status).toBe(404);
    }
    expect((await at.call("GET", "/secrets", { headers })).text).not.toContain(id);
  });

  it("leaves no value in the database", async () => {
    await makeSecret("at-rest");
    await using db = openDatabase({ connectionString: at.connectionString });
    const { readSealedSecrets } = await import("@sandlot/db");
    const sealed = await readSealedSecrets(db, { teamId: at.teamId, names: ["at-rest"] });
    expect([...sealed.values()].join()).not.toContain(VALUE);
    expect(Buffer.from([...sealed.values()].join(), "base64url").toString("latin1")).not.toContain(VALUE);
  });
});

describe("values for nodes", () => {
  it("tells a node what it asks, as it is now, and only of the sandbox's team", async () => {
    await makeSecret("told", "one");
    const theirs = await at.call("POST", "/secrets", {
      headers: { "X-API-Key": OTHER_KEY },
      body: { name: "theirs", value: "x" },
    });
    expect(theirs.status).toBe(201);
    const sandboxId = await at.create();
    const request = { sandboxId, secrets: ["told", "theirs", "none"] };
    expect((await values().resolve(request, asNode)).secrets).toEqual({ told: "one" });
    await at.call("POST", "/secrets/told", { body: { value: "two" } });
    expect((await values().resolve(request, asNode)).secrets).toEqual({ told: "two" });
    await at.call("DELETE", "/secrets/told");
    expect((await values().resolve(request, asNode)).secrets).toEqual({});
  });

  it("tells nobody else", async () => {
    const sandboxId = await at.create();
    for (const headers of [{}, { Authorization: "Bearer " }, { Authorization: "Bearer wrong" }])
      await expect(values().resolve({ sandboxId }, { headers })).rejects.toThrow("only the installation's nodes");
    await expect(values().resolve({ sandboxId: "i0" }, asNode)).rejects.toThrow("doesn't exist");
  });

  it("mints tokens that the published keys verify", async () => {
    const iam = { tokens: { aws: { audience: "sts.test", tokenType: "JWT-SVID" } } };
    const sandboxId = await at.create({ iam });
    expect(at.node.running.get(sandboxId)?.config?.iam?.tokens.aws?.audience).toBe("sts.test");
    const { tokens } = await values().resolve({ sandboxId, tokens: { aws: { audience: "sts.test" } } }, asNode);
    const [head = "", body = "", signature = ""] = (tokens.aws?.value ?? "").split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const sub = `spiffe://sandlot.test/team/${at.teamId}/sandbox/${sandboxId}`;
    expect(claims).toMatchObject({ iss: "https://api.sandlot.test", sub, aud: ["sts.test"] });
    expect(claims.exp - claims.iat).toBe(300);
    const { kid } = JSON.parse(Buffer.from(head, "base64url").toString());
    const { keys } = (await at.call("GET", "/.well-known/jwks.json")).body as { keys: { kid: string; d?: string }[] };
    const key = keys.find((one) => one.kid === kid);
    expect([key === undefined, key?.d]).toEqual([false, undefined]);
    const publicKey = createPublicKey({ key: key as object, format: "jwk" } as never);
    const signed = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
    expect(verify("sha256", Buffer.from(`${head}.${body}`), signed, Buffer.from(signature, "base64url"))).toBe(true);
    const provider = (await at.call("GET", "/.well-known/openid-configuration")).body;
    expect(provider).toMatchObject({ issuer: claims.iss, jwks_uri: `${claims.iss}/.well-known/jwks.json` });
  });

  it("go on being verified while their key is replaced, and not when it was stolen", async () => {
    const sandboxId = await at.create();
    const kidOf = async () => {
      const { tokens } = await values().resolve({ sandboxId, tokens: { aws: { audience: "sts.test" } } }, asNode);
      return JSON.parse(Buffer.from((tokens.aws?.value ?? "").split(".")[0] ?? "", "base64url").toString()).kid;
    };
    const kids = async () => {
      const { body } = await at.call("GET", "/.well-known/jwks.json");
      return (body as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    };
    const rotate = (headers: Record<string, string>, body?: object) =>
      at.call("POST", "/admin/identity-keys/rotate", { headers, ...(body && { body }) });
    const before = await kidOf();
    expect((await rotate({})).status).toBe(401);
    const next = (await rotate(asAdmin)).body as { keyID: string; signsAt: string };
    expect(Date.parse(next.signsAt)).toBeGreaterThan(Date.now() + 300_000);
    expect([await kids(), await kidOf()]).toEqual([[next.keyID, before], before]);
    const last = (await rotate(asAdmin, { now: true })).body as { keyID: string };
    expect([await kids(), await kidOf()]).toEqual([[last.keyID], last.keyID]);
  });

  it("opens a proxy's password, which nothing else shows", async () => {
    const network = { egressProxy: { address: "proxy.test:1080", username: "u", password: "pass-word" } };
    const sandboxId = await at.create({ network });
    const sealed = at.node.running.get(sandboxId)?.config?.network?.egress?.egressProxyPassword ?? "";
    expect(sealed).not.toContain("pass-word");
    const told = await values().resolve({ sandboxId, sealedProxyPassword: sealed }, asNode);
    expect(told.proxyPassword).toBe("pass-word");
    const { body, text } = await at.call("GET", `/sandboxes/${sandboxId}`);
    expect(body.network).toEqual({ egressProxy: { address: "proxy.test:1080", username: "u" } });
    expect(text).not.toContain(sealed);
  });
});

describe("egress rules", () => {
  it("reach the node as they were asked for", async () => {
    const rules = { "api.test": [{ transform: { headers: { Authorization: "Bearer ${e2b.secrets.k}" } } }] };
    const sandboxId = await at.create({ network: { allowOut: ["*.Test", "9.9.9.9"], denyOut: ["0.0.0.0/0"], rules } });
    const egress = () => at.node.running.get(sandboxId)?.config?.network?.egress;
    expect(egress()).toMatchObject({ allowedDomains: ["*.test"], allowedCidrs: ["9.9.9.9/32"] });
    expect(egress()?.rules["api.test"]?.rules[0]?.transform?.headers).toEqual({
      Authorization: "Bearer ${e2b.secrets.k}",
    });
    expect((await at.call("GET", `/sandboxes/${sandboxId}`)).body.network).toMatchObject({ rules });
    const update = { allowOut: ["*"], denyOut: ["0.0.0.0/0"] };
    expect((await at.call("PUT", `/sandboxes/${sandboxId}/network`, { body: update })).status).toBe(204);
    expect(egress()).toMatchObject({ allowedDomains: ["*"], allowedCidrs: [], rules: {} });
  });
});

describe("without a key", () => {
  it("says that there are no secrets, tokens and proxies", async () => {
    await using bare = await startInstallation({ secretsKey: "" });
    const refused = await bare.call("GET", "/secrets");
    expect([refused.status, refused.body.message]).toEqual([403, "Secrets are not available for this team"]);
    const iam = { tokens: { t: { audience: "a", tokenType: "JWT-SVID" } } };
    const tokens = await bare.call("POST", "/sandboxes", { body: { templateID: "base", iam } });
    expect([tokens.status, tokens.body.message]).toEqual([
      400,
      "Sandbox IAM workload tokens are not available for your team.",
    ]);
    const network = { egressProxy: { address: "proxy.test:1" } };
    const proxied = await bare.call("POST", "/sandboxes", { body: { templateID: "base", network } });
    expect([proxied.status, proxied.body.message]).toEqual([
      403,
      "Egress proxy (network.egressProxy) is not enabled for this team.",
    ]);
  }, 60_000);
});
