/** The life of sandboxes through the REST surface, with a real PostgreSQL and Redis and a fake node. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { sleep } from "@sandlot/lifetime";
import { type Installation, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
});
afterAll(() => at[Symbol.asyncDispose]());

/** What `find` finds, as soon as it does. */
async function eventually<T>(find: () => T | undefined): Promise<T> {
  for (const endMs = Date.now() + 30_000; Date.now() < endMs; await sleep(10)) {
    const found = find();
    if (found !== undefined) return found;
  }
  throw new Error("it did not come about");
}

const secondsLeft = (endAt: unknown): number => (Date.parse(String(endAt)) - Date.now()) / 1000;

describe("create", () => {
  it("answers 201 in the first generation: 15 s, no token unless secure", async () => {
    const plain = await at.call("POST", "/sandboxes", { body: { templateID: "base" } });
    expect(plain.status).toBe(201);
    expect(plain.body).toMatchObject({
      templateID: at.templateId,
      alias: "base",
      clientID: "6532622b",
      envdVersion: "0.6.13",
    });
    expect(plain.body).toMatchObject({ trafficAccessToken: null, domain: null });
    expect(plain.body).not.toHaveProperty("envdAccessToken");
    const detail = await at.call("GET", `/sandboxes/${plain.body.sandboxID}`);
    expect(secondsLeft(detail.body.endAt)).toBeWithin(8, 15.1);
    const secure = await at.call("POST", "/sandboxes", { body: { templateID: "base", secure: true } });
    expect(secure.body.envdAccessToken).toMatch(/^[0-9a-f]{64}$/);
  });

  it("answers 201 in the second generation: 300 s, always with a token", async () => {
    const made = await at.call("POST", "/v2/sandboxes", {
      body: { templateID: " BASE:default ", metadata: { a: "1" }, mcp: null },
    });
    expect(made.status).toBe(201);
    expect(made.body.envdAccessToken).toMatch(/^[0-9a-f]{64}$/);
    const detail = await at.call("GET", `/sandboxes/${made.body.sandboxID}-6532622b`);
    expect(detail.body).toMatchObject({
      state: "running",
      cpuCount: 2,
      memoryMB: 1024,
      diskSizeMB: 10240,
      metadata: { a: "1" },
    });
    expect(detail.body).toMatchObject({
      allowInternetAccess: null,
      lifecycle: { autoResume: false, onTimeout: "kill" },
    });
    expect(secondsLeft(detail.body.endAt)).toBeWithin(290, 300.1);
  });

  it("tells the node everything it needs", async () => {
    const body = {
      envVars: { A: "b" },
      metadata: { k: "v" },
      allow_internet_access: false,
      network: { allowOut: ["1.1.1.1"], allowPublicTraffic: false },
    };
    const sandboxId = await at.create(body);
    const config = at.node.running.get(sandboxId)?.config;
    expect(config).toMatchObject({
      buildId: expect.any(String),
      teamId: at.teamId,
      envVars: { A: "b" },
      metadata: { k: "v" },
      vcpu: 2n,
    });
    expect(config?.network?.egress).toMatchObject({ allowedCidrs: ["1.1.1.1/32"], deniedCidrs: ["0.0.0.0/0"] });
    expect(config?.network?.ingress?.trafficAccessToken).toMatch(/^[0-9a-f]{64}$/);
    const detail = await at.call("GET", `/sandboxes/${sandboxId}`);
    expect(detail.body).toMatchObject({
      allowInternetAccess: false,
      network: { allowOut: ["1.1.1.1"], allowPublicTraffic: false },
    });
  });

  const refusals: [string, Record<string, unknown>, number, string][] = [
    ["no template", {}, 400, "validation error: body must have required property 'templateID'"],
    ["a template of the wrong type", { templateID: 7 }, 400, "validation error: body.templateID must be string"],
    ["an unknown template", { templateID: "nope" }, 404, "template 'nope' not found"],
    ["an unknown tag", { templateID: "base:old" }, 404, "tag 'old' does not exist for template 'base'"],
    ["a crooked reference", { templateID: "a/b/c" }, 400, "invalid template reference 'a/b/c'"],
    ["timeout 0", { templateID: "base", timeout: 0 }, 400, "Timeout must be greater than 0"],
    ["timeout -1", { templateID: "base", timeout: -1 }, 400, "Timeout must be greater than 0"],
    ["timeout over the plan", { templateID: "base", timeout: 86_401 }, 400, "Timeout cannot be greater than 24 hours"],
    ["timeout 2^31", { templateID: "base", timeout: 2 ** 31 }, 400, "validation error: body.timeout"],
    ["timeout as text", { templateID: "base", timeout: "NaN" }, 400, "validation error: body.timeout must be integer"],
    ["timeout null", { templateID: "base", timeout: null }, 400, "validation error: body.timeout must be integer"],
    ["a fraction", { templateID: "base", timeout: 1.5 }, 400, "validation error: body.timeout must be integer"],
    [
      "metadata of numbers",
      { templateID: "base", metadata: { a: 1 } },
      400,
      "validation error: body.metadata.a must be string",
    ],
    ["an env var with =", { templateID: "base", envVars: { "a=b": "" } }, 400, "invalid envVars entry 'a=b'"],
    [
      "files-only pause alone",
      { templateID: "base", autoPauseMemory: false },
      400,
      "autoPauseMemory: false needs autoPause: true",
    ],
    [
      "files-only pause with a resume by traffic",
      { templateID: "base", autoPause: true, autoPauseMemory: false, autoResume: { enabled: true } },
      400,
      "autoPauseMemory: false cannot be combined with autoResume",
    ],
    [
      "a token of another type",
      { templateID: "base", iam: { tokens: { t: { audience: "a", tokenType: "X509-SVID" } } } },
      400,
      "iam.tokens: 't' must be of tokenType JWT-SVID",
    ],
    [
      "volumes",
      { templateID: "base", volumeMounts: [{ name: "v", path: "/v" }] },
      501,
      "volumeMounts is not supported yet",
    ],
    [
      "a bad address",
      { templateID: "base", network: { allowOut: ["1.2.3.999"] } },
      400,
      "invalid allowed address 1.2.3.999",
    ],
    ["a domain in deny", { templateID: "base", network: { denyOut: ["a.b"] } }, 400, "invalid denied CIDR a.b"],
    [
      "a domain without deny-all",
      { templateID: "base", network: { allowOut: ["a.b"] } },
      400,
      "When specifying allowed domains",
    ],
    ["a bad rule", { templateID: "base", network: { rules: { "1.2.3.4": [] } } }, 400, "is not a valid domain"],
    [
      "an internal proxy",
      { templateID: "base", network: { egressProxy: { address: "10.0.0.1:1080" } } },
      400,
      "Invalid egress proxy config: address is in an internal range",
    ],
    [
      "a mask host",
      { templateID: "base", network: { maskRequestHost: "ü" } },
      400,
      "mask request host 'ü' is not ASCII.",
    ],
  ];
  for (const [name, body, status, message] of refusals) {
    it(`refuses ${name} with ${status}`, async () => {
      const answer = await at.call("POST", "/v2/sandboxes", { body });
      expect(answer.body).toMatchObject({ code: status, message: expect.stringContaining(message) });
      expect(answer.status).toBe(status);
    });
  }

  it("refuses a closed sandbox that is not secure, and off-values of what is not built pass", async () => {
    const closed = await at.call("POST", "/sandboxes", {
      body: { templateID: "base", network: { allowPublicTraffic: false } },
    });
    expect(closed.body.message).toStartWith("You cannot create a sandbox without public access");
    const off = {
      autoPause: false,
      autoPauseMemory: true,
      autoResume: { enabled: false },
      volumeMounts: [],
      mcp: { a: {} },
    };
    await at.create(off, "/sandboxes");
  });

  it("tries again when the node has no room, and gives up on what it refuses", async () => {
    at.node.refusals.push(new ConnectError("full", Code.ResourceExhausted));
    await at.create();
    const broken = new ConnectError("no files", Code.FailedPrecondition);
    at.node.refusals.push(broken, broken, broken);
    const answer = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base" } });
    expect(answer.body).toMatchObject({ code: 500, error_code: "sandbox_create_failed" });
    expect(answer.body.message).toStartWith("Failed to place sandbox");
  });

  it("completes when the caller hangs up, and the sandbox ends with its time", async () => {
    at.node.createDelayMs = 1_500;
    const before = new Set(at.node.running.keys());
    const asked = at.node.created.length;
    const hangUp = new AbortController();
    const headers = { "X-API-Key": `e2b_${"1a".repeat(20)}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ templateID: "base", timeout: 4 });
    const call = fetch(`${at.api.url}/sandboxes`, { method: "POST", headers, body, signal: hangUp.signal });
    const outcome = call.then(
      () => "answered",
      () => "hung up",
    );
    await eventually(() => at.node.created.length > asked || undefined);
    hangUp.abort();
    expect(await outcome).toBe("hung up");
    const made = () => [...at.node.running.keys()].filter((id) => !before.has(id));
    const [fresh] = await eventually(() => (made().length > 0 ? made() : undefined));
    at.node.createDelayMs = 0;
    const end = await eventually(() => at.node.ended.find(({ sandboxId }) => sandboxId === fresh));
    expect(end.reason).toBe("timeout");
    expect(made()).toEqual([]);
  });
});

describe("end", () => {
  it("kills with 204, then 404, and overlapping kills share one outcome", async () => {
    const sandboxId = await at.create();
    const statuses = await Promise.all([1, 2, 3].map(() => at.call("DELETE", `/sandboxes/${sandboxId}`)));
    expect(new Set(statuses.map(({ status }) => status)).isSubsetOf(new Set([204, 404]))).toBe(true);
    expect(statuses.some(({ status }) => status === 204)).toBe(true);
    expect(at.node.ended.filter((end) => end.sandboxId === sandboxId)).toMatchObject([{ reason: "request" }]);
    const again = await at.call("DELETE", `/sandboxes/${sandboxId}`);
    expect(again.body).toMatchObject({
      code: 404,
      message: `Sandbox "${sandboxId}" doesn't exist or you don't have access to it`,
    });
    expect((await at.call("GET", `/sandboxes/${sandboxId}`)).status).toBe(404);
  });

  it("expires at its end, not before and little after", async () => {
    const sandboxId = await at.create({ timeout: 1 });
    const { body } = await at.call("GET", `/sandboxes/${sandboxId}`);
    const end = await eventually(() => at.node.ended.find((ended) => ended.sandboxId === sandboxId));
    expect(end.reason).toBe("timeout");
    expect(end.atMs - Date.parse(String(body.endAt))).toBeWithin(0, 1_500); // some 5 ms on a quiet machine
  });

  it("moves the end: timeout either way, connect and refreshes only later", async () => {
    const sandboxId = await at.create({ timeout: 100 });
    const left = async () => secondsLeft((await at.call("GET", `/sandboxes/${sandboxId}`)).body.endAt);
    const post = (verb: string, body?: unknown, prefix = "") =>
      at.call("POST", `${prefix}/sandboxes/${sandboxId}/${verb}`, body === undefined ? {} : { body });
    expect((await post("timeout", { timeout: 50 })).status).toBe(204);
    expect(await left()).toBeWithin(40, 50.1);
    const connected = await post("connect", { timeout: 20 });
    expect(connected.status).toBe(200);
    expect(connected.body).toMatchObject({ sandboxID: sandboxId, envdAccessToken: expect.any(String) });
    expect(await left()).toBeWithin(40, 50.1);
    expect((await post("connect", undefined, "/v2")).status).toBe(200);
    expect(await left()).toBeWithin(290, 300.1);
    expect((await post("refreshes", { duration: 400 })).status).toBe(204);
    expect(await left()).toBeWithin(390, 400.1);
    expect((await post("refreshes")).status).toBe(204);
    expect(await left()).toBeWithin(390, 400.1);
    expect((await post("timeout", { timeout: 2 ** 31 - 1 })).status).toBe(204);
    expect(await left()).toBeWithin(86_390, 86_400.1);
    expect((await post("connect", { timeout: 86_401 })).body.message).toBe("Timeout cannot be greater than 24 hours");
    for (const timeout of [-1, 2 ** 31, 1.5, "1", null]) {
      const answer = await post("timeout", { timeout });
      expect([answer.status, String(answer.body.message).slice(0, 17)]).toEqual([400, "validation error:"]);
    }
    expect((await at.call("POST", `/sandboxes/${sandboxId}/timeout`, { raw: '{"timeout": NaN}' })).status).toBe(400);
    expect((await post("refreshes", { duration: 3601 })).status).toBe(400);
    expect((await post("timeout", { timeout: 0 })).status).toBe(204);
    const state = async () => (await at.call("GET", `/sandboxes/${sandboxId}`)).status;
    for (const endMs = Date.now() + 30_000; (await state()) === 200 && Date.now() < endMs; ) await sleep(20);
    expect(await state()).toBe(404);
  });

  it("replaces the network rules as a whole", async () => {
    const sandboxId = await at.create({ network: { allowOut: ["1.1.1.1"], denyOut: ["0.0.0.0/0"] } });
    const answer = await at.call("PUT", `/sandboxes/${sandboxId}/network`, { body: { denyOut: ["10.1.2.3/8"] } });
    expect(answer.status).toBe(204);
    const egress = at.node.running.get(sandboxId)?.config?.network?.egress;
    expect(egress).toMatchObject({ allowedCidrs: [], deniedCidrs: ["10.0.0.0/8"] });
    const { body } = await at.call("GET", `/sandboxes/${sandboxId}`);
    expect(body.network).toEqual({ denyOut: ["10.1.2.3/8"] });
    const off = await at.call("PUT", `/sandboxes/${sandboxId}/network`, { body: { allow_internet_access: false } });
    expect(off.status).toBe(204);
    expect(at.node.running.get(sandboxId)?.config?.network?.egress?.deniedCidrs).toEqual(["0.0.0.0/0"]);
  });
});

describe("lists", () => {
  it("filters, pages and counts", async () => {
    const tag = `t${Date.now()}`;
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push(await at.create({ metadata: { tag, name: i < 2 ? "a b&c=ü" : "z" } }));
    const metadata = encodeURIComponent(encodeURIComponent(`tag=${tag}`));
    const seen: unknown[] = [];
    let token = "";
    for (let pages = 0; pages < 3; pages += 1) {
      const next = token === "" ? "" : `&nextToken=${encodeURIComponent(token)}`;
      const answer = await at.call("GET", `/v2/sandboxes?metadata=${metadata}&limit=2&state=running,paused${next}`);
      expect(answer.headers.get("x-total-running")).toBe("5");
      seen.push(...(answer.body as unknown as { sandboxID: string }[]).map(({ sandboxID }) => sandboxID));
      token = answer.headers.get("x-next-token") ?? "";
      expect(token === "").toBe(pages === 2);
    }
    expect(seen).toEqual(ids.toReversed());
    const asc = await at.call("GET", `/v2/sandboxes?metadata=${metadata}&order=asc&limit=5`);
    expect((asc.body as unknown as { sandboxID: string }[]).map(({ sandboxID }) => sandboxID)).toEqual(ids);
    expect(asc.headers.get("x-next-token")).toBeNull();
    const odd = `tag=${tag}&name=${encodeURIComponent("a b&c=ü")}`;
    const named = await at.call("GET", `/sandboxes?metadata=${encodeURIComponent(encodeURIComponent(odd))}`);
    expect(named.body as unknown as unknown[]).toHaveLength(2);
    const paused = await at.call("GET", `/v2/sandboxes?metadata=${metadata}&state=paused`);
    expect([paused.body as unknown, paused.headers.get("x-total-running")]).toEqual([[], null]);
    const template = await at.call("GET", `/v2/sandboxes?metadata=${metadata}&template=mine`);
    expect(template.body as unknown).toEqual([]);
    const first = await at.call("GET", `/sandboxes/${ids[3]}`);
    const after = encodeURIComponent(String(first.body.startedAt));
    const late = await at.call("GET", `/v2/sandboxes?metadata=${metadata}&startedAfter=${after}`);
    expect(late.body as unknown as unknown[]).toHaveLength(2);
  });

  it("refuses bad queries", async () => {
    const cases = [
      "limit=0",
      "limit=101",
      "limit=x",
      "state=dead",
      "order=up",
      "nextToken=x",
      "startedAfter=now",
      "template=base:x",
    ];
    for (const query of [...cases, "metadata=a", "metadata=%25zz", "nextToken=%00"]) {
      const answer = await at.call("GET", `/v2/sandboxes?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
    }
    const asc = await at.call("GET", "/v2/sandboxes?limit=1&order=asc");
    const token = asc.headers.get("x-next-token") ?? "";
    const wrongWay = await at.call("GET", `/v2/sandboxes?order=desc&nextToken=${encodeURIComponent(token)}`);
    expect(wrongWay.body).toMatchObject({ code: 400, message: "Invalid next token" });
  });
});

it("bridges a node that does not answer for a moment, and leaves no second copy", async () => {
  const away = new ConnectError("connection lost", Code.Unavailable);
  at.node.refusals.push(away, away);
  const sandboxId = await at.create();
  await sleep(300);
  expect(at.node.running.has(sandboxId)).toBe(true);
  at.node.refusals.push(away, away, away);
  const answer = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base" } });
  expect(answer.body).toMatchObject({ code: 503, error_code: "sandbox_capacity_unavailable" });
});
