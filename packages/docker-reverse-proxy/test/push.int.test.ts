// Pushes by an independent client (skopeo) through the proxy into Debian's registry; who may, and what stays closed.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import { type Database, ensureInstallation, migrate, openDatabase, registerBuild } from "@sandlot/db";
import { freePorts, tryRun } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import { silentLogger } from "@sandlot/telemetry";
import { type PrivatePostgres, startPrivatePostgres, temporaryDirectory } from "@sandlot/testkit";
import { type DockerReverseProxy, startDockerReverseProxy } from "../src";

const KEY = `e2b_${"1".repeat(40)}`;
const TOKEN = `sk_e2b_${"2".repeat(40)}`;
const FOREIGN_KEY = `e2b_${"3".repeat(40)}`;
const TEMPLATE = "tmplmine";
const FOREIGN = "tmplother";
const BUILD = randomUUID();

let postgres: PrivatePostgres;
let db: Database;
let proxy: DockerReverseProxy;
let registry: Bun.Subprocess;
let registryUrl = "";
let dir = "";

beforeAll(async () => {
  dir = temporaryDirectory("push");
  postgres = await startPrivatePostgres();
  await migrate(postgres);
  db = openDatabase({ connectionString: postgres.connectionString });
  const mine = await ensureInstallation(db, { apiKey: KEY, accessToken: TOKEN });
  const other = await ensureInstallation(db, { apiKey: FOREIGN_KEY, teamSlug: "other", email: "other@localhost" });
  await register(mine.teamId, "local", TEMPLATE, BUILD);
  await register(other.teamId, "other", FOREIGN, randomUUID());
  const [port = 0, registryPort = 0] = await freePorts(2);
  registryUrl = `http://127.0.0.1:${registryPort}`;
  const config = `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${dir}/data}}\nhttp: {addr: "127.0.0.1:${registryPort}"}\n`;
  writeFileSync(join(dir, "config.yml"), config);
  registry = Bun.spawn(["docker-registry", "serve", join(dir, "config.yml")], { stdout: "ignore", stderr: "ignore" });
  while (
    !(await fetch(`${registryUrl}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(20);
  proxy = await startDockerReverseProxy(
    {
      ...{ listenHost: "127.0.0.1", port, postgresUrl: postgres.connectionString, registryUrl, logLevel: "error" },
      publicUrl: "",
      repositoryPrefix: "sandlot/pushed",
      upstream: { type: "none" },
    },
    { logger: silentLogger },
  );
}, 60_000);

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  registry.kill("SIGTERM");
  await registry.exited;
  await db[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function register(teamId: string, teamSlug: string, newTemplateId: string, buildId: string): Promise<void> {
  await registerBuild(db, {
    ...{ teamId, teamSlug, newTemplateId, buildId, templateId: undefined, alias: undefined, tags: ["default"] },
    ...{ cpuCount: 2, memoryMiB: 512, diskMiB: 1024, concurrentBuilds: 20, supersededReason: "x" },
  });
}

/** An image of one layer of that many random bytes, as an OCI layout. */
function image(name: string, bytes: number): string {
  const at = join(dir, name);
  mkdirSync(join(at, "blobs/sha256"), { recursive: true });
  const put = (body: Buffer, mediaType: string) => {
    const hex = createHash("sha256").update(body).digest("hex");
    writeFileSync(join(at, "blobs/sha256", hex), body);
    return { mediaType, digest: `sha256:${hex}`, size: body.length };
  };
  const layer = put(randomBytes(bytes), "application/vnd.oci.image.layer.v1.tar");
  const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [layer.digest] } };
  const described = put(Buffer.from(JSON.stringify(config)), "application/vnd.oci.image.config.v1+json");
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: described,
    layers: [layer],
  };
  const whole = put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  writeFileSync(join(at, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [whole] }));
  writeFileSync(join(at, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return at;
}

async function push(of: { from: string; to: string; user: string; password: string }) {
  const credentials = `--dest-creds=${of.user}:${of.password}`;
  const flags = ["--insecure-policy", "copy", "--dest-tls-verify=false", credentials];
  return await tryRun(["skopeo", ...flags, `oci:${of.from}`, `docker://127.0.0.1:${proxy.port}/${of.to}`], {
    env: { PATH: "/usr/bin:/bin", HOME: dir },
  });
}

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`http://127.0.0.1:${proxy.port}${path}`, { method, headers });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
async function bearer(scope: string, password = TOKEN, user = "_e2b_access_token"): Promise<Record<string, string>> {
  const answer = await get(`/v2/token?scope=${encodeURIComponent(scope)}`, basic(user, password));
  const { token } = (await answer.json()) as { token: string };
  return { authorization: `Bearer ${token}` };
}

describe("pushes", () => {
  for (const [user, password] of [
    ["_e2b_access_token", TOKEN],
    ["_e2b_api_key", KEY],
  ] as const) {
    test(`arrive in the backing registry, with ${user}`, async () => {
      const from = image(`image-${user}`, 3 * 1024 * 1024);
      const done = await push({ from, to: `e2b/custom-envs/${TEMPLATE}:${BUILD}`, user, password });
      expect(done.stderr).toBe("");
      const manifest = await fetch(`${registryUrl}/v2/sandlot/pushed/${TEMPLATE}/manifests/${BUILD}`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      expect(manifest.status).toBe(200);
    });
  }

  test("of large layers stream through without being held", async () => {
    const from = image("large", 256 * 1024 * 1024);
    const before = process.memoryUsage.rss();
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss() - before)), 20);
    const done = await push({ from, to: `e2b/custom-envs/${TEMPLATE}:large`, user: "_e2b_api_key", password: KEY });
    clearInterval(watch);
    expect(done.exitCode).toBe(0);
    expect(most / 1024 / 1024).toBeLessThan(160);
  }, 60_000);

  test("go on in pieces with ranges", async () => {
    const auth = await bearer(`repository:e2b/custom-envs/${TEMPLATE}:pull,push`);
    const opened = await get(`/v2/e2b/custom-envs/${TEMPLATE}/blobs/uploads/`, auth, "POST");
    expect(opened.status).toBe(202);
    let location = opened.headers.get("location") ?? "";
    const body = randomBytes(3000);
    for (const [from, to] of [
      [0, 1000],
      [1000, 3000],
    ] as const) {
      expect(location).toStartWith(`/v2/e2b/custom-envs/${TEMPLATE}/blobs/uploads/`);
      const piece = await fetch(`http://127.0.0.1:${proxy.port}${location}`, {
        method: "PATCH",
        headers: { ...auth, "content-type": "application/octet-stream", "content-range": `${from}-${to - 1}` },
        body: body.subarray(from, to),
      });
      expect([piece.status, piece.headers.get("range")]).toEqual([202, `0-${to - 1}`]);
      location = piece.headers.get("location") ?? "";
    }
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    const url = `http://127.0.0.1:${proxy.port}${location}&digest=${digest}`;
    expect((await fetch(url, { method: "PUT", headers: auth })).status).toBe(201);
    const back = await get(`/v2/e2b/custom-envs/${TEMPLATE}/blobs/${digest}`, auth);
    expect(Buffer.from(await back.arrayBuffer()).equals(body)).toBe(true);
  });
});

describe("the token flow", () => {
  test("answers as clients of upstream know it", async () => {
    expect((await get("/health")).status).toBe(200);
    expect((await get("/v2/token", {}, "POST")).status).toBe(404);
    const refused = await get("/v2/");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toStartWith(
      `Bearer realm="http://127.0.0.1:${proxy.port}/v2/token"`,
    );
    const outside = await get("/v2/", { "x-forwarded-proto": "https", host: "docker.box.test:3443" });
    expect(outside.headers.get("www-authenticate")).toStartWith('Bearer realm="https://docker.box.test:3443/v2/token"');
    expect(refused.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    expect((await get("/v2/token")).status).toBe(400);
    expect((await get("/v2/token", basic("someone", TOKEN))).status).toBe(400);
    expect((await get("/v2/token", basic("_e2b_access_token", "sk_e2b_00"))).status).toBe(403);
    const plain = await get("/v2/token", basic("_e2b_access_token", ` "${TOKEN}" `));
    const body = (await plain.json()) as { token: string; expires_in: number };
    expect(body.expires_in).toBe(3600);
    expect((await get("/v2/", { authorization: `Bearer ${body.token}` })).status).toBe(200);
    expect(
      (await get(`/v2/e2b/custom-envs/${TEMPLATE}/tags/list`, { authorization: `Bearer ${body.token}` })).status,
    ).toBe(403);
  });

  const scoped = (scope: string, password = TOKEN, user = "_e2b_access_token") =>
    get(`/v2/token?scope=${encodeURIComponent(scope)}`, basic(user, password)).then(({ status }) => status);

  test("gives scopes only for one's own templates with a build that waits, and never for deleting", async () => {
    expect(await scoped(`repository:e2b/custom-envs/${TEMPLATE}:pull,push`)).toBe(200);
    expect(await scoped(`repository:e2b/custom-envs/${FOREIGN}:push`)).toBe(403);
    expect(await scoped("repository:e2b/custom-envs/nobodys:push")).toBe(403);
    expect(await scoped(`repository:e2b/custom-envs/${TEMPLATE}:delete`)).toBe(403);
    expect(await scoped(`repository:e2b/custom-envs/${TEMPLATE}:push,delete`)).toBe(403);
    expect(await scoped("repository:other/x:push")).toBe(400);
    expect(await scoped(`repository:e2b/custom-envs/${TEMPLATE}:push`, FOREIGN_KEY, "_e2b_api_key")).toBe(403);
  });
});

describe("A2 another team's images", () => {
  test("are not reached with a token of one's own, by any path or mount", async () => {
    const theirs = await bearer(`repository:e2b/custom-envs/${FOREIGN}:push,pull`, FOREIGN_KEY, "_e2b_api_key");
    const secret = randomBytes(100);
    const digest = `sha256:${createHash("sha256").update(secret).digest("hex")}`;
    const opened = await get(`/v2/e2b/custom-envs/${FOREIGN}/blobs/uploads/`, theirs, "POST");
    const url = `http://127.0.0.1:${proxy.port}${opened.headers.get("location")}&digest=${digest}`;
    expect((await fetch(url, { method: "PUT", headers: theirs, body: secret })).status).toBe(201);

    const mine = await bearer(`repository:e2b/custom-envs/${TEMPLATE}:push,pull`);
    for (const path of [
      `/v2/e2b/custom-envs/${FOREIGN}/blobs/${digest}`,
      `/v2/e2b/custom-envs/${TEMPLATE}/%2e%2e/${FOREIGN}/blobs/${digest}`,
      `/v2/e2b/custom-envs/${TEMPLATE}%2f..%2f${FOREIGN}/blobs/${digest}`,
      "/v2/_catalog",
      `/v2/sandlot/pushed/${FOREIGN}/blobs/${digest}`,
    ]) {
      expect((await get(path, mine)).status).toBe(403);
    }
    const mounted = await get(
      `/v2/e2b/custom-envs/${TEMPLATE}/blobs/uploads/?mount=${digest}&from=sandlot/pushed/${FOREIGN}`,
      mine,
      "POST",
    );
    expect(mounted.status).toBe(202); // a plain upload, nothing mounted
    expect((await get(`/v2/e2b/custom-envs/${TEMPLATE}/blobs/${digest}`, mine)).status).toBe(404);
    expect((await get(`/v2/e2b/custom-envs/${TEMPLATE}/manifests/${BUILD}`, mine, "DELETE")).status).toBe(403);
  });
});

test("a backing registry with a password of its own is told that, never the client's", async () => {
  const seen: (string | null)[] = [];
  const behind = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request): Response {
      const authorization = request.headers.get("authorization");
      seen.push(authorization);
      if (new URL(request.url).pathname === "/v2/") {
        return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
      }
      return new Response(null, { status: 202, headers: { location: `${new URL(request.url).pathname}1` } });
    },
  });
  const [port = 0] = await freePorts(1);
  const upstream = { type: "registry", username: "robot", password: new Secret("theirs") } as const;
  await using second = await startDockerReverseProxy(
    {
      ...{ listenHost: "127.0.0.1", port, postgresUrl: postgres.connectionString, logLevel: "error" },
      ...{ registryUrl: behind.url.origin, publicUrl: `http://127.0.0.1:${port}`, repositoryPrefix: "p/r", upstream },
    },
    { logger: silentLogger },
  );
  const url = `http://127.0.0.1:${second.port}`;
  const scope = `repository:e2b/custom-envs/${TEMPLATE}:push`;
  const given = await fetch(`${url}/v2/token?scope=${scope}`, { headers: basic("_e2b_api_key", KEY) });
  const { token } = (await given.json()) as { token: string };
  const opened = await fetch(`${url}/v2/e2b/custom-envs/${TEMPLATE}/blobs/uploads/`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  expect(opened.headers.get("location")).toBe(`/v2/e2b/custom-envs/${TEMPLATE}/blobs/uploads/1`);
  expect(seen).toEqual([null, `Basic ${Buffer.from("robot:theirs").toString("base64")}`]);
  void behind.stop(true);
});
