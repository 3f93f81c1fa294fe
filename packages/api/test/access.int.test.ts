/** Who may do what: keys, teams, admin; and that a foreign sandbox looks exactly like none (cases A1, A3, A4, A9). */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { connect } from "node:net";
import { sleep } from "@sandlot/lifetime";
import { SQL } from "bun";
import { ADMIN, type Installation, KEY, OTHER_KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
});
afterAll(() => at[Symbol.asyncDispose]());

const SENTENCE = "Invalid API key, please visit https://e2b.dev/docs/api-key for more information.";

async function sql(text: string, values: unknown[] = []): Promise<void> {
  await using client = new SQL(at.connectionString);
  await client.unsafe(text, values);
}

/** One request, byte for byte, for what fetch would not send. */
function raw(text: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(at.api.url).port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      socket.end();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("keys", () => {
  it("says what is wrong with them, always with 401", async () => {
    const cases: [Record<string, string>, string][] = [
      [{ "X-API-Key": "" }, "Invalid API key format"],
      [{ "X-API-Key": KEY.toUpperCase() }, "Invalid API key format"],
      [{ "X-API-Key": `e2b_${"AB".repeat(20)}` }, "Invalid API key format"],
      [{ "X-API-Key": `e2b_${"a".repeat(39)}` }, "Invalid API key format"],
      [{ "X-API-Key": `e2b_${"a".repeat(10_000)}` }, "Invalid API key format"],
      [{ "X-API-Key": "e2b_ünïcode" }, "Invalid API key format"],
      [{ "X-API-Key": `${KEY}, ${KEY}` }, "Invalid API key format"],
      [{ "X-API-Key": `e2b_${"0".repeat(40)}` }, "Cannot get the team for the given API key"],
    ];
    for (const [headers, detail] of cases) {
      const { status, body } = await at.call("GET", "/sandboxes", { headers });
      expect([status, body.code, body.message]).toEqual([401, 401, `${SENTENCE}\n${detail}`]);
    }
  });

  it("refuses two keys, none, and bytes that are no text", async () => {
    const head = "GET /sandboxes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    const two = await raw(`${head}X-API-Key: ${KEY}\r\nX-API-Key: ${OTHER_KEY}\r\n\r\n`);
    expect(two).toStartWith("HTTP/1.1 401");
    const none = await raw(`${head}\r\n`);
    expect(none).toStartWith("HTTP/1.1 401");
    expect(none).toContain("authorization header is missing");
    const bytes = await raw(
      Buffer.concat([Buffer.from(`${head}X-API-Key: e2b_`), Buffer.from([0xff, 0xfe]), Buffer.from("\r\n\r\n")]),
    );
    expect(bytes).toStartWith("HTTP/1.1 401");
  });

  it("checks the key before it looks at anything else", async () => {
    const headers = { "X-API-Key": "nonsense" };
    expect((await at.call("POST", "/v2/sandboxes", { headers, raw: "{not json" })).status).toBe(401);
    expect((await at.call("GET", "/v2/sandboxes?limit=0", { headers })).status).toBe(401);
    expect((await at.call("POST", "/sandboxes/x/pause", { headers })).status).toBe(401);
  });

  it("stops a deleted key within a second", async () => {
    const key = `e2b_${"3c".repeat(20)}`;
    const { ensureInstallation, openDatabase } = await import("@sandlot/db");
    const { hashApiKey } = await import("@sandlot/domain");
    await using db = openDatabase({ connectionString: at.connectionString });
    await ensureInstallation(db, { apiKey: key });
    expect((await at.call("GET", "/sandboxes", { headers: { "X-API-Key": key } })).status).toBe(200);
    await sql("DELETE FROM team_api_keys WHERE api_key_hash = $1", [hashApiKey(key)]);
    await sleep(1_100);
    expect((await at.call("GET", "/sandboxes", { headers: { "X-API-Key": key } })).status).toBe(401);
  });
});

describe("other carriers", () => {
  const without = { "X-API-Key": undefined as unknown as string };
  async function as(headers: Record<string, string>, path = "/sandboxes") {
    const response = await fetch(at.api.url + path, { headers });
    return { status: response.status, message: ((await response.json()) as { message?: string }).message };
  }

  it("lets the admin act as a team, and only with the right token and an existing team", async () => {
    expect(without).toBeDefined();
    const team = { "X-Team-ID": at.teamId };
    expect((await as({ "X-Admin-Token": ADMIN, ...team })).status).toBe(200);
    expect(await as({ "X-Admin-Token": "no", ...team })).toEqual({
      status: 401,
      message: "Invalid Access token.\nBackend authentication failed",
    });
    expect((await as({ "X-Admin-Token": ADMIN })).message).toBe(
      "Invalid admin token teamID.\nauthorization header is missing",
    );
    for (const teamId of ["x", crypto.randomUUID()]) {
      const { status, message } = await as({ "X-Admin-Token": ADMIN, "X-Team-ID": teamId });
      expect([status, message]).toEqual([401, "Invalid admin token teamID.\nBackend authentication failed"]);
    }
    expect((await as({ "X-Admin-Token": ADMIN }, "/nodes")).status).toBe(200);
    expect((await as({ "X-API-Key": KEY }, "/nodes")).status).toBe(401);
  });

  it("refuses users' tokens with the sentence of their scheme", async () => {
    expect((await as({ Authorization: "Bearer sk_e2b_00" }, "/templates")).message).toStartWith(
      "Invalid Access token, try",
    );
    expect((await as({ Authorization: "Bearer a.b.c" })).message).toStartWith("Invalid auth provider token.\n");
    expect((await as({ Authorization: "Basic x" })).message).toEndWith("authorization header is malformed");
  });
});

describe("standing", () => {
  it("shuts a banned team out, and leaves a blocked one reading and cleaning up", async () => {
    const headers = { "X-API-Key": OTHER_KEY };
    const made = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base" }, headers });
    const id = made.body.sandboxID;
    await sql("UPDATE teams SET is_blocked = true, blocked_reason = 'unpaid' WHERE id = $1", [at.otherTeamId]);
    await sleep(1_100);
    const create = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base" }, headers });
    expect([create.status, create.body.message]).toEqual([403, "team is blocked: unpaid"]);
    expect((await at.call("POST", `/sandboxes/${id}/timeout`, { body: { timeout: 9 }, headers })).status).toBe(403);
    expect((await at.call("GET", "/v2/sandboxes", { headers })).status).toBe(200);
    expect((await at.call("DELETE", `/sandboxes/${id}`, { headers })).status).toBe(204);
    await sql("UPDATE teams SET is_banned = true WHERE id = $1", [at.otherTeamId]);
    await sleep(1_100);
    expect((await at.call("GET", "/v2/sandboxes", { headers })).body).toMatchObject({
      code: 403,
      message: "team is banned",
    });
    await sql("UPDATE teams SET is_banned = false, is_blocked = false WHERE id = $1", [at.otherTeamId]);
    await sleep(1_100);
  });
});

describe("foreign sandboxes", () => {
  it("are answered word for word like ones that do not exist, for every verb", async () => {
    const headers = { "X-API-Key": OTHER_KEY };
    const theirs = await at.create();
    const nobodys = `i${"z".repeat(20)}`;
    const verbs: [string, string, string, unknown?][] = [
      ["GET", "", ""],
      ["DELETE", "", ""],
      ["POST", "", "/connect", { timeout: 60 }],
      ["POST", "/v2", "/connect", {}],
      ["POST", "", "/timeout", { timeout: 60 }],
      ["POST", "", "/refreshes", { duration: 60 }],
      ["PUT", "", "/network", { denyOut: ["0.0.0.0/0"] }],
      ["POST", "", "/pause"],
      ["POST", "", "/resume", {}],
      ["POST", "", "/fork", { count: 1 }],
      ["POST", "", "/snapshots", {}],
    ];
    for (const [method, prefix, suffix, body] of verbs) {
      const of = { headers, ...(body !== undefined && { body }) };
      const foreign = await at.call(method, `${prefix}/sandboxes/${theirs}${suffix}`, of);
      const none = await at.call(method, `${prefix}/sandboxes/${nobodys}${suffix}`, of);
      expect([method, suffix, foreign.status]).toEqual([method, suffix, 404]);
      expect(foreign.text.replaceAll(theirs, nobodys)).toBe(none.text);
    }
    await at.call("POST", `/sandboxes/${theirs}/pause`);
    for (const [method, prefix, suffix, body] of verbs) {
      const of = { headers, ...(body !== undefined && { body }) };
      const foreign = await at.call(method, `${prefix}/sandboxes/${theirs}${suffix}`, of);
      expect([method, suffix, "paused", foreign.status]).toEqual([method, suffix, "paused", 404]);
    }
    expect((await at.call("POST", `/sandboxes/${theirs}/resume`)).status).toBe(201);
    for (const path of ["/sandboxes/ID/metrics", "/sandboxes/ID/logs", "/v2/sandboxes/ID/logs"]) {
      const foreign = await at.call("GET", path.replace("ID", theirs), { headers });
      const none = await at.call("GET", path.replace("ID", nobodys), { headers });
      expect([path, foreign.status]).toEqual([path, 404]);
      expect(foreign.text.replaceAll(theirs, nobodys)).toBe(none.text);
    }
    for (const path of ["/sandboxes", "/v2/sandboxes"]) {
      expect((await at.call("GET", path, { headers })).text).toBe("[]");
    }
    expect((await at.call("GET", `/sandboxes/${theirs}`)).status).toBe(200);
    expect(at.node.ended.some(({ sandboxId }) => sandboxId === theirs)).toBe(false);
  });

  it("and crooked ids are 400, whoever asks", async () => {
    for (const id of ["A", "a-b-c", "%00", "i%2F..", "ä", "x".repeat(100)]) {
      const answer = await at.call("GET", `/sandboxes/${id}`);
      expect([id, answer.status, answer.body.message]).toEqual([id, 400, "Invalid sandbox ID"]);
    }
  });
});

describe("templates", () => {
  it("finds names through the caller's eyes", async () => {
    const look = (alias: string, key = KEY) =>
      at.call("GET", `/templates/aliases/${alias}`, { headers: { "X-API-Key": key } });
    expect((await look("base")).body).toEqual({ templateID: at.templateId, public: true });
    expect((await look("base", OTHER_KEY)).status).toBe(200);
    expect((await look(at.templateId)).status).toBe(200);
    expect((await look("mine", OTHER_KEY)).body).toMatchObject({
      code: 403,
      message: "you don't have access to template 'mine'",
    });
    expect((await look("none")).body).toMatchObject({ code: 404, message: "template 'none' not found" });
    const slashed = await look("local%2Fnone");
    expect([slashed.status, slashed.body.message]).toEqual([404, "template 'local/none' not found"]);
    const create = await at.call("POST", "/v2/sandboxes", {
      body: { templateID: "mine" },
      headers: { "X-API-Key": OTHER_KEY },
    });
    expect(create.body).toMatchObject({ code: 404, message: "template 'mine' not found" });
  });

  it("lists the team's own", async () => {
    const { body, status } = await at.call("GET", `/templates?teamID=${at.teamId}`);
    expect(status).toBe(200);
    const rows = body as unknown as Record<string, unknown>[];
    expect(rows.map(({ names }) => names)).toEqual([["mine"], ["base"]]);
    expect(rows[1]).toMatchObject({
      templateID: at.templateId,
      public: true,
      buildStatus: "ready",
      cpuCount: 2,
      buildCount: 1,
    });
    expect((await at.call("GET", `/templates?teamID=${at.otherTeamId}`)).body.message).toBe(
      "Team ID param mismatch with the API key",
    );
    expect((await at.call("GET", "/templates", { headers: { "X-API-Key": OTHER_KEY } })).text).toBe("[]");
  });
});
