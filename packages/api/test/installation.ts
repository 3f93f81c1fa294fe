/** An api with a real PostgreSQL and Redis and a fake node, seeded with two teams and the `base` template. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import { ensureInstallation, migrate, openDatabase, registerTemplateBuild } from "@sandlot/db";
import { silentLogger, startLogger } from "@sandlot/telemetry";
import { type PrivatePostgres, type PrivateRedis, startPrivatePostgres, startPrivateRedis } from "@sandlot/testkit";
import { type Api, startApi } from "../src/index";
import { type FakeNode, startFakeNode } from "./fake-node";

export const KEY = `e2b_${"1a".repeat(20)}`;
export const OTHER_KEY = `e2b_${"2b".repeat(20)}`;
export const TOKEN = `sk_e2b_${"3c".repeat(20)}`;
export const OTHER_TOKEN = `sk_e2b_${"4d".repeat(20)}`;
export const ADMIN = "admin-token-of-the-test";
export const NODE_TOKEN = "node-token-of-the-test";
export const BUILD_ID = "8d7f0c6e-6a3c-4d0e-9c39-0d1f2a3b4c5d";

export type Answered = { status: number; headers: Headers; text: string; body: Record<string, unknown> };
export type Installation = AsyncDisposable & {
  api: Api;
  readonly node: FakeNode;
  readonly redis: PrivateRedis;
  readonly postgres: PrivatePostgres;
  readonly connectionString: string;
  readonly teamId: string;
  readonly otherTeamId: string;
  readonly templateId: string;
  /** A request as the first team, unless `headers` says otherwise. */
  call(
    method: string,
    path: string,
    of?: { body?: unknown; headers?: Record<string, string>; raw?: string },
  ): Promise<Answered>;
  /** Creates a sandbox of the first team and returns its id. */
  create(body?: Record<string, unknown>, path?: string): Promise<string>;
  restart(): Promise<void>;
};

export async function startInstallation(
  of: { listenHost?: string; secretsKey?: string; transitionMs?: number } = {},
): Promise<Installation> {
  await using held = new AsyncDisposableStack();
  const [postgres, redis, node] = await Promise.all([startPrivatePostgres(), startPrivateRedis(), startFakeNode()]);
  for (const part of [postgres, redis, node]) held.use(part);
  const { connectionString } = postgres;
  const buildCache = await mkdtemp(join(tmpdir(), "sandlot-uploads-"));
  held.defer(() => rm(buildCache, { recursive: true, force: true }));
  await migrate({ connectionString });
  await using db = openDatabase({ connectionString });
  const { teamId } = await ensureInstallation(db, { apiKey: KEY, accessToken: TOKEN });
  const second = { apiKey: OTHER_KEY, accessToken: OTHER_TOKEN, teamName: "Other", teamSlug: "other" };
  const other = await ensureInstallation(db, second);
  const shape = { cpuCount: 2, memoryMiB: 1024, diskMiB: 10_240, envdVersion: "0.6.13" };
  const seed = { teamId, alias: "base", isPublic: true, buildId: BUILD_ID, ...shape };
  const { templateId } = await registerTemplateBuild(db, seed);
  await registerTemplateBuild(db, { ...seed, alias: "mine", isPublic: false });
  const start = (): Promise<Api> =>
    startApi(
      {
        listenHost: of.listenHost ?? "127.0.0.1",
        internalListenHost: "127.0.0.1",
        port: 0,
        internalPort: 0,
        postgresUrl: new Secret(connectionString),
        redisUrl: new Secret(redis.url),
        tokenSeed: new Secret("seed"),
        trafficOrigin: "https://sandlot.test:3443",
        adminToken: new Secret(ADMIN),
        secretsKey: new Secret(of.secretsKey ?? "k".repeat(64)),
        nodeToken: new Secret(NODE_TOKEN),
        identityIssuer: undefined,
        domain: "sandlot.test",
        buildCachePath: buildCache,
        imageMirrors: ["e2bdev/base=template:base"],
        nodeAddresses: [node.address],
        logLevel: "info",
      },
      {
        logger: process.env.TEST_LOGS ? startLogger("api") : silentLogger,
        ...(of.transitionMs !== undefined && { stateLimits: { transitionMs: of.transitionMs } }),
      },
    );
  const installation: Installation = {
    ...{ node, redis, postgres, connectionString, teamId, otherTeamId: other.teamId, templateId },
    api: await start(),
    async call(method, path, { body, headers, raw } = {}) {
      const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(installation.api.url + path, {
        method,
        headers: { "X-API-Key": KEY, ...(sent !== undefined && { "Content-Type": "application/json" }), ...headers },
        ...(sent !== undefined && { body: sent }),
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") ?? false;
      return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
    },
    async create(body = {}, path = "/v2/sandboxes") {
      const answer = await installation.call("POST", path, { body: { templateID: "base", ...body } });
      if (answer.status !== 201) throw new Error(`create answered ${answer.status}: ${answer.text}`);
      return String(answer.body.sandboxID);
    },
    async restart() {
      await installation.api[Symbol.asyncDispose]();
      installation.api = await start();
    },
    async [Symbol.asyncDispose]() {
      await installation.api[Symbol.asyncDispose]();
      await parts.disposeAsync();
    },
  };
  const parts = held.move();
  return installation;
}
