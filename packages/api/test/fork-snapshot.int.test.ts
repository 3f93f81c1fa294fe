/** Forks and snapshots through the REST surface, with a real PostgreSQL and Redis and a fake node. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { sleep } from "@sandlot/lifetime";
import { SQL } from "bun";
import { type Answered, type Installation, OTHER_KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => {
  at.node.sealRefusals.length = 0;
  at.node.refusals.length = 0;
  Object.assign(at.node, { sealDelayMs: 0, createDelayMs: 0 });
});

const post = (sandboxId: string, verb: string, body?: unknown): Promise<Answered> =>
  at.call("POST", `/sandboxes/${sandboxId}/${verb}`, body === undefined ? {} : { body });
const get = (sandboxId: string): Promise<Answered> => at.call("GET", `/sandboxes/${sandboxId}`);
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 40_000;
  while (!(await check())) {
    if (Date.now() > endMs) throw new Error("it did not come about");
    await sleep(20);
  }
}
type Child = {
  sandbox?: { sandboxID: string; envdAccessToken: string; trafficAccessToken: string };
  error?: { code: number; message: string };
};
const fork = async (sandboxId: string, body: unknown): Promise<Child[]> =>
  (await post(sandboxId, "fork", body)).body as unknown as Child[];

describe("fork", () => {
  it("starts copies with ids and tokens of their own, set up as the original, which goes on", async () => {
    const network = { allowPublicTraffic: false, denyOut: ["8.8.8.8/32"] };
    const body = {
      templateID: "base",
      network,
      metadata: { a: "1" },
      autoPause: true,
      timeout: 500,
      envVars: { A: "b" },
    };
    const made = await at.call("POST", "/v2/sandboxes", { body });
    const sandboxId = String(made.body.sandboxID);
    const before = (await get(sandboxId)).body;
    const children = await fork(sandboxId, { count: 3, timeout: 90 });
    expect(children).toHaveLength(3);
    const own = [made.body, ...children.map(({ sandbox }) => sandbox ?? {})] as Record<string, unknown>[];
    for (const key of ["sandboxID", "envdAccessToken", "trafficAccessToken"]) {
      expect(new Set(own.map((one) => one[key])).size).toBe(4);
    }
    expect(own[1]).toMatchObject({ templateID: made.body.templateID, alias: "base" });
    const child = String(children[0]?.sandbox?.sandboxID);
    const detail = (await get(child)).body;
    expect(detail).toMatchObject({ metadata: { a: "1" }, network, lifecycle: { onTimeout: "pause" } });
    expect((Date.parse(String(detail.endAt)) - Date.now()) / 1000).toBeWithin(85, 90.1);
    const config = at.node.running.get(child)?.config;
    expect(config).toMatchObject({ envVars: {} });
    expect(config?.snapshot ?? false).toBe(false);
    expect(at.node.sealed.get(config?.buildId ?? "")).toMatchObject({ sandboxId, isPause: false });
    expect((await get(sandboxId)).body).toEqual(before);
  });

  it("lets each copy fail by itself", async () => {
    const sandboxId = await at.create();
    for (let i = 0; i < 3; i += 1) at.node.refusals.push(new ConnectError("no", Code.Internal));
    const children = await fork(sandboxId, { count: 1 });
    expect(children).toEqual([{ error: expect.objectContaining({ code: 500, error_code: "sandbox_create_failed" }) }]);
    await using client = new SQL(at.connectionString);
    await client.unsafe(`UPDATE tiers SET concurrent_sandboxes = ${at.node.running.size + 2}`);
    await sleep(1_100);
    const some = await fork(sandboxId, { count: 4 });
    await client.unsafe("UPDATE tiers SET concurrent_sandboxes = 200");
    await sleep(1_100);
    expect(some.filter(({ sandbox }) => sandbox !== undefined)).toHaveLength(2);
    expect(some.filter(({ error }) => error?.code === 429)).toHaveLength(2);
  });

  it("refuses what the contract refuses, before anything is sealed", async () => {
    const sandboxId = await at.create();
    const sealed = at.node.sealed.size;
    const said = async (body: unknown) => (await post(sandboxId, "fork", body)).body.message;
    expect(await said({ count: 0 })).toBe("Count must be at least 1");
    expect(await said({ count: 101 })).toBe("Count cannot be greater than 100");
    await using client = new SQL(at.connectionString);
    await client.unsafe("UPDATE tiers SET concurrent_sandboxes = 50");
    await sleep(1_100);
    expect(await said({ count: 50 })).toBe("Count must be lower than the maximum number of concurrent sandboxes (50)");
    await client.unsafe("UPDATE tiers SET concurrent_sandboxes = 200");
    expect(at.node.sealed.size).toBe(sealed);
    await post(sandboxId, "pause");
    const paused = await post(sandboxId, "fork");
    expect(paused.body).toMatchObject({
      code: 409,
      message: `Sandbox '${sandboxId}' is paused and cannot be forked; resume it first`,
    });
  });

  it("removes the build when the last copy has gone", async () => {
    const sandboxId = await at.create();
    const [child] = await fork(sandboxId, { count: 1 });
    const childId = String(child?.sandbox?.sandboxID);
    const buildId = String(at.node.running.get(childId)?.config?.buildId);
    const other = await at.create();
    await post(other, "pause");
    await at.call("DELETE", `/sandboxes/${other}`);
    await until(() => at.node.deletedBuilds.length > 0);
    expect(at.node.deletedBuilds).not.toContain(buildId);
    await at.call("DELETE", `/sandboxes/${childId}`);
    await until(() => at.node.deletedBuilds.includes(buildId));
  });
});

describe("snapshots", () => {
  const snapshot = async (sandboxId: string, name?: string) =>
    (await post(sandboxId, "snapshots", name === undefined ? undefined : { name })).body as {
      snapshotID: string;
      names: string[];
    };
  const list = async (query = ""): Promise<{ snapshotID: string }[]> =>
    (await at.call("GET", `/snapshots${query}`)).body as unknown as { snapshotID: string }[];

  it("are started from by id, name, tag and build, and refuse a second one at once", async () => {
    const sandboxId = await at.create();
    const plain = await snapshot(sandboxId);
    expect(plain).toEqual({ snapshotID: expect.stringMatching(/^[a-z0-9]{20}:default$/), names: [] });
    const one = await snapshot(sandboxId, "Mine-1:v1");
    expect(one).toEqual({ snapshotID: "local/mine-1:v1", names: ["local/mine-1"] });
    const buildOf = (id: string) => at.node.running.get(id)?.config?.buildId ?? "";
    const first = buildOf(await at.create({ templateID: "mine-1:v1" }));
    expect(at.node.sealed.get(first)).toMatchObject({ sandboxId, isPause: false });
    await snapshot(sandboxId, "local/mine-1:v1");
    const second = buildOf(await at.create({ templateID: "local/mine-1:v1" }));
    expect(second).not.toBe(first);
    expect(buildOf(await at.create({ templateID: `mine-1:${first}` }))).toBe(first);
    expect((await at.call("POST", "/v2/sandboxes", { body: { templateID: "mine-1" } })).status).toBe(404);
    await at.create({ templateID: plain.snapshotID });
    await at.create({ templateID: plain.snapshotID.split(":")[0] });
    const foreign = { headers: { "X-API-Key": OTHER_KEY }, body: { templateID: plain.snapshotID } };
    expect((await at.call("POST", "/v2/sandboxes", foreign)).status).toBe(404);
    at.node.sealDelayMs = 1_000;
    const made = post(sandboxId, "snapshots");
    await until(() => at.node.sealing.size > 0);
    const refused = await post(sandboxId, "snapshots");
    expect([(await made).status, refused.status]).toEqual([201, 409]);
    expect(refused.body.message).toBe(`Sandbox '${sandboxId}' cannot be snapshotted while in 'snapshotting' state`);
  });

  it("hold up a pause and a kill, which then succeed", async () => {
    const sandboxId = await at.create();
    at.node.sealDelayMs = 1_000;
    const made = post(sandboxId, "snapshots");
    await until(() => at.node.sealing.size > 0);
    expect((await get(sandboxId)).body.state).toBe("running");
    const paused = await post(sandboxId, "pause");
    expect([(await made).status, paused.status]).toEqual([201, 204]);
  });

  it("refuse bad names", async () => {
    const sandboxId = await at.create();
    const said = async (name: string) => {
      const { status, body } = await post(sandboxId, "snapshots", { name });
      return [status, body.message];
    };
    expect(await said("other/x")).toEqual([400, "namespace 'other' must match your team 'local'"]);
    expect(await said(`x:${crypto.randomUUID()}`)).toEqual([400, "tag cannot be a UUID"]);
    expect((await said("a/b/c"))[0]).toBe(400);
  });

  it("are listed by pages, by sandbox and by name, and are no templates", async () => {
    const sandboxId = await at.create();
    const made: string[] = [];
    for (const name of ["l-a", "l-b:v1", undefined]) made.push((await snapshot(sandboxId, name)).snapshotID);
    await snapshot(sandboxId, "l-b:v2");
    const seen: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const page: Answered = await at.call(
        "GET",
        `/snapshots?sandboxID=${sandboxId}&limit=2${next && `&nextToken=${next}`}`,
      );
      seen.push(...(page.body as unknown as { snapshotID: string }[]).map(({ snapshotID }) => snapshotID));
      next = page.headers.get("x-next-token");
    }
    expect(seen).toEqual([String(made[2]), "local/l-b:v2", "local/l-a:default"]);
    expect(await list("?name=l-b")).toEqual([{ snapshotID: "local/l-b:v2", names: ["local/l-b"] }] as never);
    expect((await list("?name=l-b:v1")).map(({ snapshotID }) => snapshotID)).toEqual(["local/l-b:v1"]);
    expect(await list("?name=l-b:v9")).toEqual([]);
    expect(await list("?name=nobodys")).toEqual([]);
    expect((await at.call("GET", "/snapshots", { headers: { "X-API-Key": OTHER_KEY } })).text).toBe("[]");
    expect((await at.call("GET", "/templates")).text).not.toContain("l-a");
    expect((await at.call("GET", "/snapshots?nextToken=x")).body.message).toBe("Invalid next token");
  });

  it("are deleted by id and by name, not while somebody needs them, and their builds with them", async () => {
    const sandboxId = await at.create();
    const { snapshotID } = await snapshot(sandboxId, "d-one");
    const child = await at.create({ templateID: snapshotID });
    const buildId = String(at.node.running.get(child)?.config?.buildId);
    const remove = (id: string) => at.call("DELETE", `/templates/${encodeURIComponent(id)}`);
    expect((await remove(snapshotID)).status).toBe(400);
    await post(child, "pause");
    expect((await remove(snapshotID)).status).toBe(400);
    await at.call("DELETE", `/sandboxes/${child}`);
    expect((await remove(snapshotID)).status).toBe(204);
    expect((await remove(snapshotID)).status).toBe(404);
    await until(() => at.node.deletedBuilds.includes(buildId));
    await snapshot(sandboxId, "d-two:a");
    await snapshot(sandboxId, "d-two:b");
    expect((await remove("local/d-two:a")).status).toBe(204);
    expect((await list("?name=d-two")).map((one) => one.snapshotID)).toEqual(["local/d-two:b"]);
    expect((await remove("d-two")).status).toBe(204);
    expect(await list("?name=d-two")).toEqual([]);
  });

  it("refuse by name what newer clients can ask for and is not there", async () => {
    const sandboxId = await at.create();
    expect((await post(sandboxId, "snapshots", { memory: false })).body.message).toContain("is not supported yet");
    expect((await post(sandboxId, "pause", { requireHealthyGuest: true })).status).toBe(501);
    expect((await post(sandboxId, "snapshots", { memory: true })).status).toBe(201);
  });

  it("that come to nothing leave nothing", async () => {
    const sandboxId = await at.create();
    at.node.sealRefusals.push(new ConnectError("io_uring", Code.FailedPrecondition));
    expect((await post(sandboxId, "snapshots", { name: "none" })).status).toBe(400);
    expect(await list("?name=none")).toEqual([]);
    expect((await get(sandboxId)).body.state).toBe("running");
  });
});
