// B5, B6, B9: what a page in somebody's browser can make of our names, and a crowd in front of one sleeping sandbox.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { pauseSandbox, startCounter } from "../e2e/lifecycle-support.mjs";
import { api, apiKey, apiUrl, create, sandboxUrl, toPort, until } from "../e2e/support.mjs";

/** A request with a Host and headers of its own, as a browser that was lied to about a name sends it. */
function ask(base, { path = "/", method = "GET", headers = {} }) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, headers }, (answer) => {
      let text = "";
      answer.on("data", (piece) => {
        text += piece;
      });
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    request.on("error", reject).end();
  });
}

test("B5 a name that is turned to the API gives a page nothing: no operation goes without a key in a header", async () => {
  const sandbox = await create();
  const stolen = {
    Host: "rebound.evil.test",
    Origin: "http://rebound.evil.test",
    Cookie: `X-API-Key=${apiKey}; apiKey=${apiKey}`,
  };
  for (const [method, path] of [
    ["GET", "/v2/sandboxes"],
    ["DELETE", `/sandboxes/${sandbox.sandboxId}`],
    ["GET", "/secrets"],
    ["GET", `/v2/sandboxes?api_key=${apiKey}&apiKey=${apiKey}`],
    ["GET", "/nodes"],
  ]) {
    const answer = await ask(apiUrl, { method, path, headers: stolen });
    assert.equal(answer.status, 401, `${method} ${path}`);
    assert.equal(answer.headers["access-control-allow-credentials"], undefined);
  }
  assert.equal(await sandbox.isRunning(), true);
  const lost = await ask(sandboxUrl, { headers: { ...stolen, "E2b-Sandbox-Port": "8000" } });
  assert.equal(lost.status, 400);
});

test("B6 our own answers send no browser elsewhere and set no cookie that another sandbox could see", async () => {
  const sandbox = await create({ network: { allowPublicTraffic: false } });
  const made = await api("POST", `/sandboxes/${sandbox.sandboxId}/links`, { body: { port: 3000, ttl: 60 } });
  assert.equal(made.status, 201, made.text);
  const link = new URL(made.json.url);
  const domain = link.hostname.slice(link.hostname.indexOf(".") + 1);
  const hosts = [link.hostname, `3000-${sandbox.sandboxId}x.${domain}`, `99999-${sandbox.sandboxId}.${domain}`];
  for (const path of [link.pathname + link.search, "//evil.test/", "/?next=//evil.test", "/\\evil.test"])
    for (const host of hosts) {
      const { headers } = await ask(sandboxUrl, {
        path,
        headers: { Host: host, Accept: "text/html", "User-Agent": "Mozilla/5.0" },
      });
      const elsewhere =
        headers.location === undefined ? undefined : new URL(headers.location, `http://${host}`).hostname;
      assert.ok(elsewhere === undefined || elsewhere === host, `${host} ${path} → ${headers.location}`);
      for (const cookie of headers["set-cookie"] ?? []) {
        assert.doesNotMatch(cookie, /;\s*domain=/i);
        assert.match(cookie, /;\s*httponly/i);
      }
    }
});

test("B9 three hundred requests before a sleeping sandbox wake it once, and all are answered by that one", async () => {
  const sandbox = await create({ lifecycle: { onTimeout: "pause", autoResume: true } });
  await startCounter(sandbox);
  await pauseSandbox(sandbox);
  const answers = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const answer = await toPort(sandbox.sandboxId, 8000, "/echo", { method: "POST", body: "x".repeat(1_000) });
      return [answer.status, (await answer.arrayBuffer()).byteLength];
    }),
  );
  const others = answers.filter(([status, size]) => status !== 200 || size !== 1_000);
  assert.deepEqual(others, []);
  const resumed = async () =>
    (await api("GET", `/v2/sandboxes/${sandbox.sandboxId}/logs?search=sandbox%20resumed`)).json.logs.length;
  await until(async () => (await resumed()) > 0, { what: "its line in the log" });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await resumed(), 1);
});
