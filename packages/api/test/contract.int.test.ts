/**
 * Walks every operation of the document: with right, wrong, missing and foreign credentials. What is asked and expected of
 * a built operation stands in `CASES`; one without a case fails, so that a new operation cannot be forgotten.
 */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SandboxLogLineSchema, SandboxSampleSchema } from "@sandlot/contracts/orchestrator";
import { restDocument } from "@sandlot/contracts/rest-document";
import { sleep } from "@sandlot/lifetime";
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { type OperationSpec, readOperations } from "../src/http/document";
import { ADMIN, type Installation, KEY, OTHER_KEY, OTHER_TOKEN, startInstallation, TOKEN } from "./installation";

let at: Installation;
let sandboxId = "";
beforeAll(async () => {
  at = await startInstallation();
  sandboxId = await at.create({ metadata: { a: "b" } });
  const owner = { sandboxId, teamId: at.teamId, at: timestampFromMs(Date.now()) };
  at.node.samples.push(create(SandboxSampleSchema, { ...owner, cpuCount: 2n, cpuUsedPct: 12.5, memoryTotalBytes: 1n }));
  at.node.lines.push(
    create(SandboxLogLineSchema, { ...owner, sequence: 1n, level: "warn", logger: "envd", message: "m" }),
  );
  for (let tries = 0; tries < 300; tries += 1) {
    const { text } = await at.call("GET", `/sandboxes/${sandboxId}/metrics`);
    const logs = await at.call("GET", `/v2/sandboxes/${sandboxId}/logs?level=warn`);
    if (text !== "[]" && logs.text.includes('"m"')) return;
    await sleep(100);
  }
  throw new Error("the node's samples and lines were not collected");
}, 60_000);
afterAll(() => at[Symbol.asyncDispose]());

type Case = {
  readonly path?: Record<string, string>;
  readonly query?: string;
  readonly body?: unknown;
  readonly status: number;
  /** What another team gets for the same request; left out where there is nothing of another's to ask for. */
  readonly foreign?: number;
};

const someKey = async (): Promise<string> => {
  const made = await at.call("POST", `/admin/teams/${at.teamId}/api-keys`, {
    headers: { "X-Admin-Token": ADMIN },
    body: { name: "of the test" },
  });
  return String(made.body.id);
};
const someToken = async (): Promise<string> => {
  const headers = { "X-Admin-Token": ADMIN, "X-Team-ID": at.teamId };
  return String((await at.call("POST", "/access-tokens", { headers, body: { name: "t" } })).body.id);
};
const someSecret = async (): Promise<string> =>
  String((await at.call("POST", "/secrets", { body: { name: `n-${crypto.randomUUID()}`, value: "v" } })).body.secretID);
const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ada";
const someSshKey = async (): Promise<string> =>
  String((await at.call("POST", "/ssh-keys", { body: { publicKey: SSH_KEY } })).body.id);
const own = () => ({ sandboxID: sandboxId });
const fresh = async () => ({ sandboxID: await at.create() });
const team = () => ({ teamID: at.teamId });

/** A registered template with its waiting build. */
const someBuild = async (): Promise<{ templateID: string; buildID: string }> => {
  const made = await at.call("POST", "/v3/templates", { body: { name: `made-${crypto.randomUUID()}` } });
  return { templateID: String(made.body.templateID), buildID: String(made.body.buildID) };
};
const forgetBuilds = () =>
  at.call("POST", `/admin/teams/${at.teamId}/builds/cancel`, { headers: { "X-Admin-Token": ADMIN } });
const paused = async () => {
  const path = await fresh();
  await at.call("POST", `/sandboxes/${path.sandboxID}/pause`);
  return path;
};

const CASES: Record<string, () => Case | Promise<Case>> = {
  getHealth: () => ({ status: 200 }),
  getIdentityKeys: () => ({ status: 200 }),
  getIdentityProvider: () => ({ status: 200 }),
  listSandboxEgress: () => ({ path: own(), query: "limit=5", status: 200, foreign: 404 }),
  listSecrets: () => ({ query: "limit=5", status: 200 }),
  createSecret: () => ({ body: { name: `new-${crypto.randomUUID()}`, value: "v", metadata: { a: "b" } }, status: 201 }),
  getSecret: async () => ({ path: { secretID: await someSecret() }, status: 200, foreign: 404 }),
  addSecretVersion: async () => ({
    path: { secretID: await someSecret() },
    body: { value: "w" },
    status: 200,
    foreign: 404,
  }),
  deleteSecret: async () => ({ path: { secretID: await someSecret() }, status: 204, foreign: 404 }),
  createSandbox: () => ({ body: { templateID: "base" }, status: 201 }),
  createSandboxV2: () => ({ body: { templateID: "mine", metadata: { a: "b" } }, status: 201, foreign: 404 }),
  listRunningSandboxes: () => ({ query: "metadata=a%3Db", status: 200 }),
  listSandboxes: () => ({ query: "state=running,paused&limit=5&order=asc", status: 200 }),
  getSandboxesMetrics: () => ({ query: `sandbox_ids=${sandboxId}`, status: 200 }),
  getSandbox: () => ({ path: own(), status: 200, foreign: 404 }),
  killSandbox: async () => ({ path: await fresh(), status: 204, foreign: 404 }),
  connectSandbox: () => ({ path: own(), body: { timeout: 60 }, status: 200, foreign: 404 }),
  connectSandboxV2: () => ({ path: own(), status: 200, foreign: 404 }),
  pauseSandbox: async () => ({ path: await fresh(), body: { memory: true }, status: 204, foreign: 404 }),
  resumeSandbox: async () => ({ path: await paused(), body: { timeout: 60 }, status: 201, foreign: 404 }),
  forkSandbox: () => ({ path: own(), body: { count: 2, timeout: 60 }, status: 201, foreign: 404 }),
  createSnapshot: () => ({ path: own(), body: { name: "from-the-contract:v1" }, status: 201, foreign: 404 }),
  listSnapshots: () => ({ query: `sandboxID=${sandboxId}&limit=5`, status: 200 }),
  setSandboxTimeout: () => ({ path: own(), body: { timeout: 600 }, status: 204, foreign: 404 }),
  refreshSandbox: () => ({ path: own(), body: { duration: 60 }, status: 204, foreign: 404 }),
  updateSandboxNetwork: () => ({ path: own(), body: { denyOut: ["10.0.0.0/8"] }, status: 204, foreign: 404 }),
  getSandboxLogs: () => ({ path: own(), query: "limit=10&start=0", status: 200, foreign: 404 }),
  getSandboxLogsV2: () => ({ path: own(), query: "level=debug&direction=forward", status: 200, foreign: 404 }),
  getSandboxMetrics: () => ({ path: own(), status: 200, foreign: 404 }),
  createSandboxLink: async () => ({
    path: { sandboxID: await at.create({ network: { allowPublicTraffic: false } }) },
    body: { port: 3000, ttl: 60, path: "/a?b=c" },
    status: 201,
    foreign: 404,
  }),
  createSshCertificate: () => ({ path: own(), body: { publicKey: SSH_KEY, ttl: 60 }, status: 201, foreign: 404 }),
  listSshKeys: () => ({ status: 200 }),
  createSshKey: () => ({ body: { publicKey: SSH_KEY, name: "n", ttl: 60 }, status: 201 }),
  deleteSshKey: async () => ({ path: { sshKeyID: await someSshKey() }, status: 204, foreign: 404 }),
  listTemplates: () => ({ status: 200 }),
  listTemplatesV2: () => ({ query: "limit=2", status: 200 }),
  createTemplateV1: () => ({ body: { dockerfile: "FROM scratch" }, status: 202 }),
  createTemplateV2: () => ({ body: { alias: "second" }, status: 202 }),
  createTemplateV3: () => ({ body: { name: "third:v1", tags: ["a"] }, status: 202 }),
  rebuildTemplate: async () => ({ path: await someBuild(), body: { dockerfile: "FROM x" }, status: 202, foreign: 403 }),
  getTemplate: () => ({ path: { templateID: at.templateId }, status: 200, foreign: 403 }),
  updateTemplate: async () => ({ path: await someBuild(), body: { public: false }, status: 200, foreign: 403 }),
  updateTemplateV2: async () => ({ path: await someBuild(), body: { public: false }, status: 200, foreign: 403 }),
  deleteTemplate: async () => ({ path: await someBuild(), status: 204, foreign: 404 }),
  getTemplateRuntimes: () => ({ path: { templateID: at.templateId }, status: 200, foreign: 403 }),
  setTemplateRuntimes: () => ({
    ...{ path: { templateID: at.templateId }, body: { runtimes: ["container"] } },
    ...{ status: 200, foreign: 403 },
  }),
  assignTemplateTags: () => ({ body: { target: at.templateId, tags: ["x"] }, status: 201, foreign: 403 }),
  deleteTemplateTags: () => ({ body: { name: at.templateId, tags: ["x"] }, status: 204, foreign: 403 }),
  listTemplateTags: () => ({ path: { templateID: at.templateId }, status: 200, foreign: 403 }),
  getTemplateFileLink: () => ({ path: { templateID: at.templateId, hash: "0".repeat(64) }, status: 201, foreign: 403 }),
  startTemplateBuild: async () => ({ path: await someBuild(), status: 202, foreign: 403 }),
  startTemplateBuildV2: async () => ({
    ...{ path: await someBuild(), body: { fromTemplate: "base" } },
    ...{ status: 202, foreign: 403 },
  }),
  getTemplateBuildStatus: async () => ({ path: await someBuild(), status: 200, foreign: 403 }),
  getTemplateBuildLogs: async () => ({ path: await someBuild(), query: "limit=5", status: 200, foreign: 403 }),
  cancelTeamBuilds: () => ({ path: { teamID: at.otherTeamId }, status: 200 }),
  getTemplateAlias: () => ({ path: { alias: "mine" }, status: 200, foreign: 403 }),
  listTeams: () => ({ status: 200 }),
  getTeamMetrics: () => ({ path: team(), status: 200, foreign: 403 }),
  getTeamMetricsMax: () => ({ path: team(), query: "metric=concurrent_sandboxes", status: 200, foreign: 403 }),
  createAccessToken: () => ({ body: { name: "new" }, status: 201 }),
  deleteAccessToken: async () => ({ path: { accessTokenID: await someToken() }, status: 204, foreign: 404 }),
  listApiKeys: () => ({ status: 200 }),
  createApiKey: () => ({ body: { name: "new" }, status: 201 }),
  updateApiKey: async () => ({ path: { apiKeyID: await someKey() }, body: { name: "n" }, status: 202, foreign: 404 }),
  deleteApiKey: async () => ({ path: { apiKeyID: await someKey() }, status: 204, foreign: 404 }),
  listNodes: () => ({ status: 200 }),
  getNode: () => ({ path: { nodeID: "node-1" }, status: 200 }),
  updateNode: () => ({ path: { nodeID: "node-1" }, body: { status: "ready" }, status: 204 }),
  killTeamSandboxes: () => ({ path: { teamID: at.otherTeamId }, status: 200 }),
  createTeamApiKey: () => ({ path: team(), body: { name: "new" }, status: 201 }),
  deleteTeamApiKey: async () => ({ path: { ...team(), apiKeyID: await someKey() }, status: 204 }),
  rotateIdentityKeys: () => ({ body: { now: false }, status: 200 }),
  countRunningSandboxes: () => ({ status: 200 }),
};

/** For operations of which only the refusal is looked at. */
const ANY_PATH: Record<string, string> = {
  ...{ sandboxID: "i0", templateID: "t", buildID: "b", hash: "0".repeat(64), alias: "a", nodeID: "n" },
  ...{ volumeID: "v", secretID: "s", teamID: crypto.randomUUID(), apiKeyID: crypto.randomUUID() },
  accessTokenID: crypto.randomUUID(),
  sshKeyID: crypto.randomUUID(),
};

const ajv = new Ajv2020({ strict: false, validateSchema: false });
addFormats(ajv);
ajv.addSchema(restDocument as object, "api");

type Raw = { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> };
type Content = { content?: Record<string, { schema: object }> };

/** The answer against the document: declared status, declared type, and a body that fits the schema. */
function assertDeclared(operation: OperationSpec, answer: { status: number; headers: Headers; text: string }): void {
  const { responses } = (restDocument as Raw).paths[operation.path]?.[operation.method.toLowerCase()] ?? {
    responses: {},
  };
  const named = (responses[String(answer.status)] ?? responses.default ?? {}) as Content & { $ref?: string };
  const isError = named.$ref !== undefined;
  const type = (answer.headers.get("content-type") ?? "").split(";")[0] ?? "";
  if (!isError && named.content === undefined) {
    expect([operation.id, answer.text]).toEqual([operation.id, ""]);
    return;
  }
  const expected = isError ? "application/json" : (Object.keys(named.content ?? {})[0] ?? "");
  expect([operation.id, type]).toEqual([operation.id, expected]);
  if (expected !== "application/json") return;
  const schema = isError ? { $ref: "#/components/schemas/Error" } : (named.content?.[expected]?.schema ?? {});
  const isValid = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')));
  isValid(JSON.parse(answer.text));
  expect([operation.id, isValid.errors ?? []]).toEqual([operation.id, []]);
  if (isError) expect(JSON.parse(answer.text).code).toBe(answer.status);
}

type Headered = Record<string, string>;

/** Credentials that open an alternative, as team one or as the other; undefined where none exist. */
function credentials(schemes: readonly string[], who: "own" | "other"): Headered | undefined {
  const teamId = who === "own" ? at.teamId : at.otherTeamId;
  switch (schemes.join("+")) {
    case "ApiKeyAuth":
      return { "X-API-Key": who === "own" ? KEY : OTHER_KEY };
    case "AccessTokenAuth":
      return { Authorization: `Bearer ${who === "own" ? TOKEN : OTHER_TOKEN}` };
    case "AdminApiKeyAuth":
      return who === "own" ? { "X-Admin-Token": ADMIN } : undefined;
    case "AdminApiKeyAuth+AdminTeamAuth":
      return { "X-Admin-Token": ADMIN, "X-Team-ID": teamId };
    default:
      return undefined; // no identity provider is configured, so nothing is right
  }
}

const WRONG: Record<string, Headered[]> = {
  ApiKeyAuth: [{ "X-API-Key": `e2b_${"0".repeat(40)}` }, { "X-API-Key": "junk" }, { "X-API-Key": `sk_${KEY}` }],
  AccessTokenAuth: [{ Authorization: `Bearer sk_e2b_${"0".repeat(40)}` }, { Authorization: "Bearer sk_e2b_zz" }],
  AuthProviderBearerAuth: [{ Authorization: "Bearer a.b.c" }],
  "AuthProviderBearerAuth+AuthProviderTeamAuth": [{ Authorization: "Bearer a.b.c", "X-Team-ID": crypto.randomUUID() }],
  AdminApiKeyAuth: [{ "X-Admin-Token": "wrong" }, { "X-Admin-Token": "" }],
  "AdminApiKeyAuth+AdminTeamAuth": [
    { "X-Admin-Token": "wrong", "X-Team-ID": crypto.randomUUID() },
    { "X-Admin-Token": ADMIN, "X-Team-ID": "x" },
    { "X-Admin-Token": ADMIN },
  ],
};

async function ask(operation: OperationSpec, of: Partial<Case>, headers: Headered) {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent((of.path ?? ANY_PATH)[name] ?? "x"),
  );
  const response = await fetch(`${at.api.url}${path}${of.query === undefined ? "" : `?${of.query}`}`, {
    method: operation.method,
    headers: { ...headers, ...(of.body !== undefined && { "Content-Type": "application/json" }) },
    ...(of.body !== undefined && { body: JSON.stringify(of.body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const operations = readOperations();

it("has a case for every built operation, and for no other", () => {
  const built = operations.filter(({ isPlanned }) => !isPlanned).map(({ id }) => id);
  expect(Object.keys(CASES).toSorted()).toEqual(built.toSorted());
  expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
});

for (const operation of operations) {
  describe(`${operation.method} ${operation.path}`, () => {
    afterAll(async () => void (await forgetBuilds()));
    it("refuses missing and wrong credentials with 401", async () => {
      if (operation.security.length === 0) return;
      const [first] = operation.security;
      const alternatives = operation.security.flatMap((schemes) => WRONG[schemes.join("+")] ?? []);
      expect(alternatives.length).toBeGreaterThan(0);
      for (const headers of [{}, ...alternatives]) {
        const answer = await ask(operation, {}, headers);
        expect([headers, answer.status]).toEqual([headers, 401]);
        assertDeclared({ ...operation, id: operation.id }, answer);
      }
      const missing = JSON.parse((await ask(operation, {}, {})).text).message as string;
      expect([first?.[0], missing]).toEqual([first?.[0], expect.stringContaining("\nauthorization header is missing")]);
    });

    it("answers right credentials of every kind as the document says", async () => {
      const ways = operation.security.map((schemes) => credentials(schemes, "own")).filter((way) => way !== undefined);
      for (const headers of operation.security.length === 0 ? [{}] : ways) {
        const of = operation.isPlanned ? { status: 501 } : await CASES[operation.id]?.();
        if (of === undefined) throw new Error("no case");
        const answer = await ask(operation, of, headers);
        expect([operation.id, answer.status, answer.text.slice(0, answer.status === of.status ? 0 : 300)]).toEqual([
          operation.id,
          of.status,
          "",
        ]);
        assertDeclared(operation, answer);
        if (operation.isPlanned) expect(JSON.parse(answer.text).message).toStartWith(`${operation.id} (`);
      }
    });

    it("lets no other team at it", async () => {
      if (operation.isPlanned) return;
      for (const schemes of operation.security) {
        const headers = credentials(schemes, "other");
        const of = await CASES[operation.id]?.();
        if (headers === undefined || of?.foreign === undefined) continue;
        const answer = await ask(operation, of, headers);
        expect([operation.id, schemes, answer.status]).toEqual([operation.id, schemes, of.foreign]);
        assertDeclared(operation, answer);
        expect((await ask(operation, of, credentials(schemes, "own") ?? {})).status).toBe(of.status);
      }
    });
  });
}
