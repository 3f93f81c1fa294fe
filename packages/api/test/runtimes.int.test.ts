/** Which runtime a sandbox gets and keeps, through the REST surface, with a real PostgreSQL and Redis and a fake node. */
import { afterAll, beforeAll, beforeEach, expect, it } from "bun:test";
import { sleep } from "@sandlot/lifetime";
import { SQL } from "bun";
import { type Answered, BUILD_ID, type Installation, OTHER_KEY, startInstallation } from "./installation";

let at: Installation;
let db: SQL;
beforeAll(async () => {
  at = await startInstallation();
  db = new SQL(at.connectionString);
}, 60_000);
afterAll(async () => {
  await db.close();
  await at[Symbol.asyncDispose]();
});

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  const endMs = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > endMs) throw new Error("it did not come about");
    await sleep(20);
  }
}
const create = (metadata: Record<string, string>, templateID = "base"): Promise<Answered> =>
  at.call("POST", "/v2/sandboxes", { body: { templateID, metadata } });
const onQemu = { "sandlot.runtime": "qemu" };
const told = (sandboxId: string) =>
  at.node.created.findLast(({ sandbox }) => sandbox?.sandboxId === sandboxId)?.sandbox;

/** The node offers these, and the api has heard of it. */
async function offer(microVms: Installation["node"]["microVms"]): Promise<void> {
  at.node.microVms = microVms;
  await until(async () => {
    const nodes = (await at.call("GET", "/nodes", { headers: { "X-Admin-Token": "admin-token-of-the-test" } })).body;
    const [node] = nodes as unknown as { runtimes: { name: string; problems: string[] }[] }[];
    const seen = (node?.runtimes ?? []).filter(({ name }) => name !== "container");
    return (
      JSON.stringify(seen.map(({ name, problems }) => [name, problems])) ===
      JSON.stringify(microVms.map(({ name, problems = [] }) => [name, problems]))
    );
  });
}
const makeFor = (runtimes: string) => db`UPDATE env_builds SET runtimes = ${runtimes}::text[] WHERE id = ${BUILD_ID}`;

beforeEach(async () => {
  await makeFor("{container}");
  await at.call("PUT", "/templates/base/runtimes", { body: { runtimes: [] } });
  await offer([]);
});

it("says what is possible when what is asked for is not", async () => {
  const texts = async (metadata: Record<string, string>) => {
    const { status, body } = await create(metadata);
    return [status, body.error_code, String(body.message)] as const;
  };
  expect(await texts({ "sandlot.runtime": "docker" })).toEqual([
    400,
    "sandbox_bad_runtime",
    expect.stringContaining("container, qemu or firecracker"),
  ]);
  expect(await texts(onQemu)).toEqual([
    400,
    "sandbox_runtime_not_built",
    expect.stringContaining("made for container"),
  ]);
  await makeFor("{container,qemu}");
  expect(await texts(onQemu)).toEqual([
    400,
    "sandbox_runtime_not_offered",
    expect.stringContaining("possible here is container"),
  ]);
  await offer([{ name: "qemu", problems: ["no guest boots"] }]);
  expect((await texts(onQemu))[1]).toBe("sandbox_runtime_not_offered");
  expect((await create({})).status).toBe(201);
});

it("starts on the metadata's runtime, else on the template's, else on the node's first", async () => {
  await makeFor("{container,qemu}");
  await offer([{ name: "qemu" }]);
  const runtimeOf = async (metadata: Record<string, string>) => {
    const { body } = await create(metadata);
    const sandboxId = String(body.sandboxID);
    const detail = (await at.call("GET", `/sandboxes/${sandboxId}`)).body;
    expect(told(sandboxId)?.runtime).toBe(String(detail.runtime));
    return detail.runtime;
  };
  expect(await runtimeOf({})).toBe("container");
  expect(await runtimeOf(onQemu)).toBe("qemu");
  const set = await at.call("PUT", "/templates/base/runtimes", { body: { runtimes: ["qemu"] } });
  expect(set).toMatchObject({ status: 200, body: { runtimes: ["qemu"], builtFor: ["container", "qemu"] } });
  expect(await runtimeOf({})).toBe("qemu");
  expect(await runtimeOf({ "sandlot.runtime": "container" })).toBe("container");
  const foreign = { body: { runtimes: ["container"] }, headers: { "X-API-Key": OTHER_KEY } };
  expect((await at.call("PUT", "/templates/base/runtimes", foreign)).status).toBe(403);
  expect((await at.call("PUT", "/templates/base/runtimes", { body: { runtimes: ["docker"] } })).status).toBe(400);
});

it("resumes and forks where it was paused, with the kernel written down, and nowhere else", async () => {
  await makeFor("{container,qemu}");
  await offer([{ name: "qemu" }]);
  const sandboxId = String((await create(onQemu)).body.sandboxID);
  const forked = (await at.call("POST", `/sandboxes/${sandboxId}/fork`, { body: { count: 1 } })).body as unknown as {
    sandbox: { sandboxID: string };
  }[];
  expect(told(forked[0]?.sandbox.sandboxID ?? "")?.runtime).toBe("qemu");
  expect((await at.call("POST", `/sandboxes/${sandboxId}/pause`)).status).toBe(204);
  const [row] =
    await db`SELECT runtimes, kernel_version FROM env_builds WHERE made_by = 'pause' ORDER BY created_at DESC LIMIT 1`;
  expect(row).toMatchObject({ runtimes: ["qemu"], kernel_version: "6.1.0-9" });
  expect((await at.call("GET", `/sandboxes/${sandboxId}`)).body.runtime).toBe("qemu");
  await offer([]);
  const nowhere = await at.call("POST", `/sandboxes/${sandboxId}/resume`, { body: {} });
  expect(nowhere).toMatchObject({ status: 400, body: { error_code: "sandbox_runtime_not_offered" } });
  await offer([{ name: "qemu" }]);
  expect((await at.call("POST", `/sandboxes/${sandboxId}/resume`, { body: {} })).status).toBe(201);
  expect(told(sandboxId)?.runtime).toBe("qemu");
});

it("makes a template of a virtual machine one of virtual machines", async () => {
  await makeFor("{container,qemu}");
  await offer([{ name: "qemu" }]);
  const sandboxId = String((await create(onQemu)).body.sandboxID);
  const made = await at.call("POST", `/sandboxes/${sandboxId}/snapshots`, { body: {} });
  const snapshotId = String(made.body.snapshotID);
  const copy = await create({}, snapshotId);
  expect(told(String(copy.body.sandboxID))?.runtime).toBe("qemu");
  const refused = await create({ "sandlot.runtime": "container" }, snapshotId);
  expect(refused).toMatchObject({ status: 400, body: { error_code: "sandbox_runtime_not_built" } });
});

it("has templates built for what they are set to, by a builder that offers it", async () => {
  const { body: made } = await at.call("POST", "/v3/templates", { body: { name: "walled" } });
  const { templateID, buildID } = made as { templateID: string; buildID: string };
  await at.call("PUT", `/templates/${templateID}/runtimes`, { body: { runtimes: ["qemu"] } });
  const start = () =>
    at.call("POST", `/v2/templates/${templateID}/builds/${buildID}`, { body: { fromTemplate: "base", steps: [] } });
  expect(await start()).toMatchObject({ status: 400, body: { error_code: "sandbox_runtime_not_offered" } });
  await offer([{ name: "qemu" }]);
  expect((await start()).status).toBe(202);
  const { builds, finish } = at.node.templates;
  expect(builds.get(buildID)?.request.template?.runtimes).toEqual(["qemu"]);
  finish(buildID, { runtimes: ["qemu"], kernelVersion: "6.1.0-9" });
  await until(async () => (await create({}, "walled")).status === 201);
  const [row] = await db`SELECT runtimes, kernel_version FROM env_builds WHERE id = ${buildID}`;
  expect(row).toMatchObject({ runtimes: ["qemu"], kernel_version: "6.1.0-9" });
}, 60_000);
