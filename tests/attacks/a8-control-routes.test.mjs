// A8: envd's control routes are not reachable through the public proxy, whatever the path is dressed as.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { create, sandboxUrl } from "../e2e/support.mjs";

/** One raw request, since HTTP clients clean paths themselves. Resolves with the head of the answer. */
function raw(lines) {
  const url = new URL(sandboxUrl);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

test("A8 no path reaches /init or the freezing routes", async () => {
  const sandbox = await create();
  const routes = ["init", "freeze", "unfreeze", "collapse", "fsfreeze", "fsthaw", "upgrade"];
  const dresses = (route) => [
    `/${route}`,
    `//${route}`,
    `/./${route}`,
    `/x/../${route}`,
    `/${route}/`,
    `/${route}?x=1`,
    `/%${route.charCodeAt(0).toString(16)}${route.slice(1)}`,
    `http://evil.test/${route}`,
  ];
  for (const route of routes) {
    for (const path of dresses(route)) {
      const answer = await raw([
        `POST ${path} HTTP/1.1`,
        `Host: 49983-${sandbox.sandboxId}.sandlot.test`,
        "Content-Type: application/json",
        "Content-Length: 2",
        "Connection: close",
        "",
        "{}",
      ]);
      const status = Number(answer.split(" ")[1]);
      assert.ok([400, 401, 404].includes(status), `${path}: ${answer.slice(0, 60)}`);
    }
  }
  assert.equal((await sandbox.commands.run("echo fine")).stdout, "fine\n");
});

test("B3 a name and headers that disagree: the name wins; doubled and smuggled headers change nothing", async () => {
  const [one, two] = await Promise.all([create(), create()]);
  await Promise.all([one, two].map((sandbox, n) => sandbox.files.write("who.txt", `sandbox ${n}`)));
  const ask = (extra) =>
    raw([
      "GET /files?path=who.txt HTTP/1.1",
      `Host: 49983-${one.sandboxId}.sandlot.test`,
      `X-Access-Token: ${one.envdAccessToken}`,
      ...extra,
      "Connection: close",
    ]);
  const disagree = await ask([`E2b-Sandbox-Id: ${two.sandboxId}`, "E2b-Sandbox-Port: 49983"]);
  assert.match(disagree, /^HTTP\/1\.1 200[\s\S]*sandbox 0/);
  const doubled = await raw([
    "GET /health HTTP/1.1",
    "Host: localhost",
    `E2b-Sandbox-Id: ${one.sandboxId}`,
    `E2b-Sandbox-Id: ${two.sandboxId}`,
    "E2b-Sandbox-Port: 49983",
    "Connection: close",
  ]);
  assert.match(doubled, /^HTTP\/1\.1 400/);
  const smuggled = await raw([
    "POST /files?path=x HTTP/1.1",
    `Host: 49983-${one.sandboxId}.sandlot.test`,
    "Content-Length: 4",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "",
    "0",
    "",
    `GET /files?path=who.txt HTTP/1.1\r\nHost: 49983-${two.sandboxId}.sandlot.test`,
  ]);
  assert.ok(!smuggled.includes("sandbox 1"));
  assert.ok((smuggled.match(/HTTP\/1\.1/g) ?? []).length <= 2);
});
