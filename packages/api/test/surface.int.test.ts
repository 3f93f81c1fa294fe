/** The HTTP surface itself: health, CORS, errors for whatever is thrown at it, limits. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import { sleep } from "@sandlot/lifetime";
import { type Installation, KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
});
afterAll(() => at[Symbol.asyncDispose]());

it("is healthy with the known text while a node is ready, and 503 while none is", async () => {
  const health = async () => {
    const response = await fetch(`${at.api.url}/health`);
    return [response.status, await response.text()];
  };
  const until = async (status: number): Promise<void> => {
    for (const endMs = Date.now() + 30_000; (await health())[0] !== status && Date.now() < endMs; ) await sleep(50);
  };
  await until(200);
  expect(await health()).toEqual([200, "Health check successful"]);
  at.node.status = ServiceInfoStatus.Draining;
  await until(503);
  expect(await health()).toEqual([503, "Service is unavailable"]);
  const create = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base" } });
  expect(create.body).toMatchObject({ code: 503, error_code: "sandbox_no_compatible_node" });
  expect(create.headers.get("retry-after")).toBe("1");
  at.node.status = ServiceInfoStatus.Healthy;
  await until(200);
  expect((await health())[0]).toBe(200);
});

it("answers everything that is no request of the contract in JSON", async () => {
  const cases: [string, string, Parameters<Installation["call"]>[2], number, string][] = [
    ["GET", "/nowhere", {}, 404, "no operation GET /nowhere"],
    ["PATCH", "/sandboxes", {}, 404, "no operation PATCH /sandboxes"],
    ["GET", "/instances/x", {}, 400, "deprecated"],
    ["POST", "/envs", {}, 400, "update your SDK"],
    [
      "POST",
      "/templates",
      { raw: "x", headers: { "Content-Type": "multipart/form-data; boundary=x" } },
      400,
      "update your CLI",
    ],
    ["POST", "/v2/sandboxes", { raw: "{" }, 400, "validation error: the request body is not JSON"],
    ["POST", "/v2/sandboxes", { raw: "" }, 400, "validation error: the request body is missing"],
    ["POST", "/v2/sandboxes", { raw: "null" }, 400, "validation error: body must be object"],
    ["POST", "/v2/sandboxes", { raw: "[]" }, 400, "validation error: body must be object"],
    [
      "POST",
      "/v2/sandboxes",
      { raw: "a=b", headers: { "Content-Type": "text/plain" } },
      400,
      "validation error: Content-Type must be application/json, got 'text/plain'",
    ],
    ["GET", "/v3/templates", {}, 404, "no operation"],
    ["POST", "/v3/templates", { body: {} }, 400, "validation error: body must have a name"],
    ["GET", "/sandboxes/metrics", {}, 400, "validation error: query parameter sandbox_ids is missing"],
    ["GET", "/volumes", {}, 501, "listVolumes (GET /volumes) is not supported yet"],
    ["GET", "/%ff%zz", {}, 404, "no operation"],
    ["GET", `/${"a".repeat(4000)}`, {}, 404, "no operation"],
  ];
  for (const [method, path, of, status, message] of cases) {
    const answer = await at.call(method, path, of);
    expect([method, path, answer.status]).toEqual([method, path, status]);
    expect(answer.body).toMatchObject({ code: status, message: expect.stringContaining(message) });
  }
  const bytes = new Uint8Array([0x7b, 0xff, 0x7d]);
  const headers = { "X-API-Key": KEY, "Content-Type": "application/json" };
  const binary = await fetch(`${at.api.url}/v2/sandboxes`, { method: "POST", body: bytes, headers });
  expect([binary.status, await binary.json()]).toMatchObject([
    400,
    { message: "validation error: the request body is not UTF-8" },
  ]);
});

it("takes bodies up to 16 MiB and says so beyond, announced or not", async () => {
  const headers = { "X-API-Key": KEY, "Content-Type": "application/json" };
  const big = "x".repeat(16 * 1024 * 1024);
  const announced = await at.call("POST", "/v2/sandboxes", { body: { templateID: "base", metadata: { big } } });
  expect(announced.body).toMatchObject({ code: 413, error_code: "api_body_too_large" });
  async function* chunks() {
    yield new TextEncoder().encode('{"templateID":"base","x":"');
    for (let i = 0; i < 17; i += 1) yield new Uint8Array(1024 * 1024).fill(0x78);
  }
  const chunked = await fetch(`${at.api.url}/v2/sandboxes`, { method: "POST", headers, body: chunks() as never });
  expect([chunked.status, await chunked.json()]).toMatchObject([413, { code: 413 }]);
  expect((await at.call("GET", "/sandboxes")).status).toBe(200);
});

it("lets browsers in", async () => {
  const ask = {
    Origin: "https://x.test",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key",
  };
  const preflight = await fetch(`${at.api.url}/v2/sandboxes`, { method: "OPTIONS", headers: ask });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("x-api-key");
  const refused = await fetch(`${at.api.url}/sandboxes`, { headers: { Origin: "https://x.test" } });
  expect(refused.status).toBe(401);
  expect(refused.headers.get("access-control-allow-origin")).toBe("*");
  expect(refused.headers.get("access-control-expose-headers")).toContain("X-Next-Token");
});
