/** Templates as clients register, start, follow, tag, publish and delete them; the builder is a fake. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { gzipSync } from "node:zlib";
import { sleep } from "@sandlot/lifetime";
import { ADMIN, type Installation, OTHER_KEY, startInstallation, TOKEN } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
  for (let tries = 0; tries < 600 && (await at.call("GET", "/health")).status !== 200; tries += 1) await sleep(50);
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());

type Made = { templateID: string; buildID: string; names: string[]; tags: string[]; aliases: string[] };
const register = async (name: string, body: Record<string, unknown> = {}): Promise<Made> => {
  const answer = await at.call("POST", "/v3/templates", { body: { name, ...body } });
  expect([answer.status, answer.text]).toEqual([202, answer.text]);
  return answer.body as unknown as Made;
};
const start = (made: Made, body: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  at.call("POST", `/v2/templates/${made.templateID}/builds/${made.buildID}`, {
    body: { fromTemplate: "base", ...body },
    headers,
  });
const status = async (made: Made, query = "") =>
  (await at.call("GET", `/templates/${made.templateID}/builds/${made.buildID}/status${query}`)).body as {
    status: string;
    logEntries: { message: string; level: string; step?: string }[];
    reason?: { message: string; step?: string; logEntries: unknown[] };
  };
async function until(made: Made, wanted: string) {
  for (let tries = 0; tries < 1_200; tries += 1) {
    const found = await status(made);
    if (found.status === wanted) return found;
    await sleep(25);
  }
  throw new Error(`the build did not become ${wanted}: ${JSON.stringify(await status(made))}`);
}
const built = async (name: string, body: Record<string, unknown> = {}): Promise<Made> => {
  const made = await register(name, body);
  expect((await start(made)).status).toBe(202);
  at.node.templates.finish(made.buildID);
  await until(made, "ready");
  return made;
};
const otherKey = { "X-API-Key": OTHER_KEY };

describe("registering", () => {
  it("makes a template, and a build of the same template for the same name", async () => {
    const first = await register("Shop:v1", { tags: ["stable"] });
    expect(first).toMatchObject({ names: ["local/shop"], aliases: ["shop"], tags: ["v1", "stable"] });
    const second = await register("local/shop");
    expect(second.templateID).toBe(first.templateID);
    expect(second.tags).toEqual(["default"]);
    const foreign = await at.call("POST", "/v3/templates", { body: { name: "shop" }, headers: otherKey });
    expect(foreign.body.names).toEqual(["other/shop"]);
    expect(foreign.body.templateID).not.toBe(first.templateID);
  });

  it("supersedes an older build of the same tag that was not started, and no other", async () => {
    const older = await register("super");
    const tagged = await register("super:other");
    await register("super");
    expect(await status(older)).toMatchObject({
      status: "error",
      reason: { message: "The build was canceled because it was superseded by a newer one." },
    });
    expect(await status(tagged)).toMatchObject({ status: "waiting", logEntries: [] });
  });

  const REFUSED: [Record<string, unknown>, number, string][] = [
    [{ name: "x", cpuCount: 3 }, 400, "CPU count must be 1 or an even number"],
    [{ name: "x", cpuCount: 34 }, 400, "CPU count must be at most 32"],
    [{ name: "x", cpuCount: 10 }, 400, "CPU count can't be higher than 8 ("],
    [{ name: "x", memoryMB: 129 }, 400, "Memory must be divisible by 2"],
    [{ name: "x", memoryMB: 9000 }, 400, "Memory can't be higher than 8192 MiB ("],
    [{ name: "x", tags: [crypto.randomUUID()] }, 400, "tag cannot be a UUID"],
    [{ name: "theirs/x" }, 400, "namespace 'theirs' must match your team 'local'"],
    [{ name: "not a name" }, 400, "invalid template reference"],
    [{}, 400, "validation error: "],
    [{ name: "x", teamID: crypto.randomUUID() }, 400, "Team ID param mismatch with the API key"],
  ];
  for (const [body, code, message] of REFUSED) {
    it(`refuses ${JSON.stringify(body).slice(0, 60)}`, async () => {
      const answer = await at.call("POST", "/v3/templates", { body });
      expect([answer.status, String(answer.body.message)]).toEqual([code, expect.stringContaining(message)]);
    });
  }

  it("refuses a name that is a template's id, and a rebuild of what was deleted", async () => {
    const made = await register("short-lived");
    const asId = await at.call("POST", "/v3/templates", { body: { name: made.templateID }, headers: otherKey });
    expect(asId.status).toBe(409);
    expect((await at.call("DELETE", "/templates/short-lived")).status).toBe(204);
    const again = await at.call("POST", `/templates/${made.templateID}`, {
      body: { dockerfile: "FROM x" },
      headers: { "X-API-Key": "", Authorization: `Bearer ${TOKEN}` },
    });
    expect([again.status, again.body.message]).toEqual([
      404,
      `Template '${made.templateID}' has been deleted and cannot be rebuilt`,
    ]);
  });

  it("bounds a team's builds", async () => {
    const names = Array.from({ length: 21 }, (_, i) => `many-${i}`);
    const answers = await Promise.all(
      names.map((name) => at.call("POST", "/v3/templates", { body: { name }, headers: otherKey })),
    );
    const refused = answers.filter((answer) => answer.status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(String(refused[0]?.body.message)).toStartWith(
      "you have reached the maximum number of concurrent template builds (20).",
    );
    const admin = { "X-Admin-Token": ADMIN };
    const ended = await at.call("POST", `/admin/teams/${at.otherTeamId}/builds/cancel`, { headers: admin });
    expect(ended.body).toEqual({ cancelledCount: 20, failedCount: 0 });
  });
});

describe("building", () => {
  it("hands the recipe to a builder, and its log and end to who asks", async () => {
    const made = await register("logs");
    const steps = [{ type: "RUN", args: ["true"], force: true, forceUpload: true }];
    expect(
      (await start(made, { steps, startCmd: "serve", readyCmd: "probe" }, { "User-Agent": "e2b-js-sdk/2.45.0" }))
        .status,
    ).toBe(202);
    expect((await status(made)).status).toBe("building");
    const sent = at.node.templates.builds.get(made.buildID)?.request;
    expect(sent).toMatchObject({ cacheScope: at.teamId, version: "v2.1.0" });
    expect(sent?.template).toMatchObject({
      startCommand: "serve",
      readyCommand: "probe",
      vcpuCount: 2,
      memoryMb: 1024,
    });
    expect(sent?.template?.steps[0]).toMatchObject({ type: "RUN", args: ["true"], force: true });
    for (let line = 0; line < 150; line += 1) at.node.templates.say(made.buildID, `line ${line}`, { step: "1" });
    at.node.templates.say(made.buildID, "careful", { level: "warn", step: "1" });
    at.node.templates.fail(made.buildID, { message: "failed to run command 'true'", step: "1" });
    const ended = await until(made, "error");
    expect(ended.logEntries).toHaveLength(100);
    const rest = await status(made, "?logsOffset=100");
    expect(rest.logEntries.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 50 }, (_, i) => `line ${100 + i}`),
      "careful",
    ]);
    expect(rest.reason).toMatchObject({
      message: "failed to run command 'true'",
      step: "1",
      logEntries: [{ message: "careful" }],
    });
    expect((await status(made, "?logsOffset=151")).logEntries).toEqual([]);
    expect((await status(made, "?level=warn")).logEntries).toHaveLength(1);
    const logs = await at.call(
      "GET",
      `/templates/${made.templateID}/builds/${made.buildID}/logs?direction=backward&limit=2`,
    );
    expect((logs.body.logs as { message: string }[]).map(({ message }) => message)).toEqual(["careful", "line 149"]);
  });

  it("serves the older build of a tag until the newer one is ready", async () => {
    const first = await built("steady");
    const second = await register("steady");
    await start(second);
    expect((await at.call("POST", "/v2/sandboxes", { body: { templateID: "steady" } })).status).toBe(201);
    expect(at.node.created.at(-1)?.sandbox?.buildId).toBe(first.buildID);
    at.node.templates.finish(second.buildID);
    await until(second, "ready");
    await at.create({ templateID: "local/steady" });
    expect(at.node.created.at(-1)?.sandbox?.buildId).toBe(second.buildID);
    await at.create({ templateID: `steady:${first.buildID}` });
    expect(at.node.created.at(-1)?.sandbox?.buildId).toBe(first.buildID);
  });

  it("says why it will not start one", async () => {
    const made = await register("picky");
    const path = `/v2/templates/${made.templateID}/builds`;
    const body = { fromTemplate: "base" };
    expect((await at.call("POST", `${path}/nonsense`, { body })).body.message).toBe("Invalid build ID: nonsense");
    expect((await at.call("POST", `${path}/${crypto.randomUUID()}`, { body })).status).toBe(404);
    expect((await at.call("POST", `${path}/${made.buildID}`, { body, headers: otherKey })).status).toBe(403);
    const both = await start(made, { fromImage: "debian" });
    expect([both.status, String(both.body.message)]).toEqual([
      500,
      expect.stringContaining("Error when starting template build: "),
    ]);
    expect((await start(made, {}, { "User-Agent": "e2b-python-sdk/abc" })).status).toBe(400);
    expect((await start(made)).status).toBe(202);
    expect((await start(made)).body.message).toBe("build is not in waiting state");
    const unknown = await at.call("GET", `/templates/${made.templateID}/builds/${crypto.randomUUID()}/status`);
    expect([unknown.status, String(unknown.body.message)]).toEqual([
      400,
      expect.stringMatching(/^Build '.*' not found$/),
    ]);
  });

  it("answers 202 and fails the build when its base means nothing to the team", async () => {
    const made = await register("orphan");
    expect((await start(made, { fromTemplate: "nowhere" })).status).toBe(202);
    expect(await status(made)).toMatchObject({
      status: "error",
      reason: { message: "template 'nowhere' not found", step: "base" },
    });
  });

  it("takes a template for an image where a rule says so, and older clients' recipes as they meant them", async () => {
    const made = await register("mapped");
    await start(
      made,
      { fromTemplate: undefined, fromImage: "e2bdev/base:latest" },
      { "User-Agent": "e2b-js-sdk/2.2.9" },
    );
    const sent = at.node.templates.builds.get(made.buildID)?.request;
    expect(sent?.version).toBe("v2.0.0");
    expect(sent?.template?.from).toMatchObject({
      case: "fromTemplate",
      value: { alias: "e2bdev/base:latest", isImage: true },
    });
    const plain = await register("plain");
    const fromImageRegistry = { type: "registry", username: "u", password: "p" };
    await start(plain, { fromTemplate: undefined, fromImage: "python:3.12", fromImageRegistry });
    expect(at.node.templates.builds.get(plain.buildID)?.request.template).toMatchObject({
      from: { case: "fromImage", value: "python:3.12" },
      fromImageRegistry: { type: { case: "basic", value: { username: "u", password: "p" } } },
    });
  });

  it("cancels what is under way when another build of the template starts", async () => {
    const older = await register("racing:a");
    await start(older);
    const newer = await register("racing:b");
    await start(newer);
    expect(await status(older)).toMatchObject({ status: "error", reason: { message: "build was cancelled" } });
    for (let tries = 0; tries < 1_000 && at.node.templates.builds.has(older.buildID); tries += 1) await sleep(20);
    expect(at.node.templates.cancelled).toContainEqual({ buildId: older.buildID, why: "build was cancelled" });
    expect((await status(newer)).status).toBe("building");
  });

  it("fails a build whose builder has forgotten it, and follows those of before a restart", async () => {
    const lost = await register("lost");
    await start(lost);
    at.node.templates.builds.delete(lost.buildID);
    const kept = await register("kept");
    await start(kept);
    await at.restart();
    at.node.templates.say(kept.buildID, "said while the api was away");
    at.node.templates.finish(kept.buildID);
    expect((await until(kept, "ready")).logEntries.map(({ message }) => message)).toEqual([
      "said while the api was away",
    ]);
    for (let tries = 0; tries < 300 && (await status(lost)).status !== "error"; tries += 1) await sleep(100);
    expect((await status(lost)).reason?.message).toContain("its builder was restarted");
  }, 60_000);
});

describe("tags, names and lists", () => {
  it("moves tags, removes them, and keeps the default one", async () => {
    const made = await built("tagged");
    const assigned = await at.call("POST", "/templates/tags", { body: { target: "tagged", tags: ["v1", "V2"] } });
    expect([assigned.status, assigned.body]).toEqual([201, { tags: ["v1", "v2"], buildID: made.buildID }]);
    const tags = async () =>
      (JSON.parse((await at.call("GET", `/templates/${made.templateID}/tags`)).text) as { tag: string }[]).map(
        ({ tag }) => tag,
      );
    expect(await tags()).toEqual(["default", "v1", "v2"]);
    expect((await at.create({ templateID: "tagged:v1" })).length).toBeGreaterThan(10);
    expect((await at.call("DELETE", "/templates/tags", { body: { name: "tagged", tags: ["v1"] } })).status).toBe(204);
    expect((await at.call("DELETE", "/templates/tags", { body: { name: "tagged", tags: ["default"] } })).status).toBe(
      400,
    );
    expect(await tags()).toEqual(["default", "v2"]);
    const gone = await at.call("POST", "/v2/sandboxes", { body: { templateID: "tagged:v1" } });
    expect([gone.status, gone.body.message]).toEqual([404, "tag 'v1' does not exist for template 'tagged'"]);
    expect(
      (await at.call("POST", "/templates/tags", { body: { target: "tagged", tags: [made.buildID] } })).body.message,
    ).toBe("tag cannot be a UUID");
    expect(
      (await at.call("POST", "/templates/tags", { body: { target: made.templateID, tags: ["x"] }, headers: otherKey }))
        .status,
    ).toBe(403);
  });

  it("publishes: others may start it, and by its bare name once that is claimed", async () => {
    const made = await built("public-one");
    const asOther = (templateID: string) =>
      at.call("POST", "/v2/sandboxes", { body: { templateID }, headers: otherKey });
    expect((await asOther(made.templateID)).status).toBe(404);
    const v2 = await at.call("PATCH", `/v2/templates/${encodeURIComponent("local/public-one")}`, {
      body: { public: true },
    });
    expect([v2.status, v2.body]).toEqual([200, { names: ["local/public-one"] }]);
    expect((await asOther("local/public-one")).status).toBe(201);
    expect((await asOther("public-one")).status).toBe(404);
    const v1 = await at.call("PATCH", `/templates/${made.templateID}`, { body: { public: true } });
    expect([v1.status, v1.text]).toEqual([200, "null"]);
    expect((await asOther("public-one")).status).toBe(201);
    const theirs = await at.call("POST", "/v3/templates", { body: { name: "public-one" }, headers: otherKey });
    const clash = await at.call("PATCH", `/templates/${String(theirs.body.templateID)}`, {
      body: { public: true },
      headers: otherKey,
    });
    expect(clash.status).toBe(409);
  });

  it("lists in pages, and a template's builds in pages", async () => {
    for (const name of ["page-a", "page-b"]) await built(name);
    const first = await at.call("GET", "/v2/templates?limit=1");
    const next = first.headers.get("x-next-token") ?? "";
    const second = await at.call("GET", `/v2/templates?limit=1&nextToken=${next}`);
    const ids = [first, second].map(({ text }) => (JSON.parse(text) as Made[])[0]?.names?.[0]);
    expect(ids).toEqual(["local/page-b", "local/page-a"]);
    const made = await built("page-a");
    const page = await at.call("GET", `/templates/${made.templateID}?limit=1`);
    expect(page.body.builds).toMatchObject([{ buildID: made.buildID, status: "ready", envdVersion: "0.6.13" }]);
    const after = await at.call("GET", `/templates/${made.templateID}?nextToken=${page.headers.get("x-next-token")}`);
    expect((after.body.builds as unknown[]).length).toBe(1);
    expect(after.headers.get("x-next-token")).toBeNull();
    expect((await at.call("GET", `/templates/${made.templateID}`, { headers: otherKey })).status).toBe(403);
  });

  it("deletes by name unless sandboxes need it, and frees the name", async () => {
    const made = await built("doomed");
    const sandboxId = await at.create({ templateID: "doomed" });
    const refused = await at.call("DELETE", "/templates/doomed");
    expect([refused.status, refused.body.message]).toEqual([
      400,
      `cannot delete template '${made.templateID}' because there are running sandboxes using it`,
    ]);
    await at.call("DELETE", `/sandboxes/${sandboxId}`);
    expect((await at.call("DELETE", "/templates/doomed", { headers: otherKey })).status).toBe(404);
    expect((await at.call("DELETE", "/templates/doomed")).status).toBe(204);
    expect((await at.call("DELETE", "/templates/doomed")).status).toBe(404);
    expect((await register("doomed")).templateID).not.toBe(made.templateID);
  });
});

describe("uploads", () => {
  const tar = gzipSync(Buffer.alloc(1024));
  const link = async (made: Made, hash: string): Promise<{ present: boolean; url: string }> => {
    const answer = await at.call("GET", `/templates/${made.templateID}/files/${hash}`);
    expect(answer.status).toBe(201);
    return answer.body as { present: boolean; url: string };
  };
  const put = (url: string, body: Uint8Array, method = "PUT") => fetch(url, { method, body: new Uint8Array(body) });

  it("hands out a link even when the files are there, takes a tar, and refuses what is none or is cut", async () => {
    const made = await register("files");
    const hash = "a".repeat(64);
    expect((await link(made, hash)).present).toBe(false);
    const { url } = await link(made, hash);
    expect((await put(url, tar)).status).toBe(200);
    at.node.templates.files.add(hash);
    expect(await link(made, hash)).toMatchObject({ present: true, url: expect.stringContaining(hash) });
    for (const bad of [Buffer.from("not a tar at all"), tar.subarray(0, tar.length - 4), Buffer.alloc(0)]) {
      expect((await put(url, bad)).status).toBe(400);
    }
    expect((await at.call("GET", `/templates/${made.templateID}/files/xyz`)).body.message).toBe(
      "the hash must be 64 hex digits",
    );
  });

  it("lets a link be used for its own file only, and by nobody who was not given it", async () => {
    const made = await register("links");
    const { url } = await link(made, "b".repeat(64));
    for (const forged of [
      url.replace("b".repeat(64), "c".repeat(64)),
      url.replace(at.teamId, at.otherTeamId),
      url.replace(/expires=\d+/, "expires=9999999999"),
      url.replace(/token=.*/, "token="),
    ]) {
      expect((await put(forged, tar)).status).toBe(403);
    }
    const foreign = await at.call("GET", `/templates/${made.templateID}/files/${"b".repeat(64)}`, {
      headers: otherKey,
    });
    expect(foreign.status).toBe(403);
  });
});
