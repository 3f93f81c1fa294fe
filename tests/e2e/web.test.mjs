import assert from "node:assert/strict";
import http from "node:http";
import { before, test } from "node:test";
import WebSocket from "ws";
import { create, pause, sandboxUrl, toPort, until } from "./support.mjs";

const SERVER = `
const http = require("http"), crypto = require("crypto");
const server = http.createServer((req, res) => {
  if (req.url === "/stream") { let n = 0; const t = setInterval(() => { res.write("tick" + n++ + "\\n"); if (n === 5) { clearInterval(t); res.end(); } }, 300); return; }
  if (req.url === "/forever") { setInterval(() => res.write("x"), 50); return; }
  if (req.url === "/hash") { const h = crypto.createHash("sha256"); let n = 0; req.on("data", (d) => { n += d.length; h.update(d); }); req.on("end", () => res.end(n + " " + h.digest("hex"))); return; }
  res.setHeader("X-Seen-Host", req.headers.host || ""); res.setHeader("Set-Cookie", ["a=1", "b=2"]);
  res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers }));
});
server.on("upgrade", (req, socket) => {
  const key = crypto.createHash("sha1").update(req.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: " + key + "\\r\\n\\r\\n");
  socket.on("data", (frame) => { if ((frame[0] & 15) !== 1) return; const len = frame[1] & 127, mask = frame.subarray(2, 6), body = Buffer.from(frame.subarray(6, 6 + len)); for (let i = 0; i < len; i++) body[i] ^= mask[i % 4]; socket.write(Buffer.concat([Buffer.from([0x81, len]), body])); });
  socket.on("error", () => {});
});
server.listen(Number(process.argv[2]), process.argv[3]);
`;

/** One request with just these headers. */
function ask(path, headers, method = "GET") {
  const url = new URL(sandboxUrl);
  return new Promise((resolve, reject) => {
    const request = http.request({ host: url.hostname, port: url.port, path, method, headers }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("end", () => resolve({ statusCode: answer.statusCode, headers: answer.headers, text }));
    });
    request.on("error", reject).end(method === "POST" ? "{}" : undefined);
  });
}

let sandbox;
async function serve(port, address) {
  await sandbox.commands.run(`node /home/user/server.js ${port} ${address}`, { background: true });
  await until(async () => (await toPort(sandbox.sandboxId, port, "/")).status === 200, {
    what: `the server on ${address}:${port}`,
  });
}
before(async () => {
  sandbox = await create();
  await sandbox.files.write("server.js", SERVER);
  await serve(8080, "0.0.0.0");
});

test("a web server inside answers, by headers and by name", async () => {
  const byHeaders = await (await toPort(sandbox.sandboxId, 8080, "/path?q=1")).json();
  assert.equal(byHeaders.url, "/path?q=1");
  const host = sandbox.getHost(8080);
  const byName = await ask("/name", { Host: host });
  assert.equal(byName.statusCode, 200);
  assert.equal(byName.headers["x-seen-host"], host);
  assert.deepEqual(byName.headers["set-cookie"], ["a=1", "b=2"]);
});

test("servers bound to loopback only are reached, on IPv4 and IPv6", async () => {
  await serve(8081, "127.0.0.1");
  await serve(8082, "::1");
});

test("responses stream as they are written", async () => {
  const answer = await toPort(sandbox.sandboxId, 8080, "/stream");
  const times = [];
  for await (const chunk of answer.body) if (chunk.length > 0) times.push(Date.now());
  assert.ok(times.at(-1) - times[0] >= 300, "not buffered");
});

test("WebSockets pass", async () => {
  const socket = new WebSocket(sandboxUrl.replace("http", "ws"), {
    headers: { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "8080" },
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const echo = new Promise((resolve) => socket.once("message", (data) => resolve(String(data))));
  socket.send("ping me");
  assert.equal(await echo, "ping me");
  socket.close();
});

test("a closed port is 502 with the port in it", async () => {
  const answer = await toPort(sandbox.sandboxId, 9999, "/");
  assert.equal(answer.status, 502);
  assert.match(answer.headers.get("content-type"), /application\/json/);
  assert.deepEqual(await answer.json(), {
    sandboxId: sandbox.sandboxId,
    message: "The sandbox is running but port is not open",
    port: 9999,
    code: 502,
  });
  // fetch itself says that it is a script (Sec-Fetch-Mode), so a page view has to be asked for by hand.
  const page = await ask("/", {
    "E2b-Sandbox-Id": sandbox.sandboxId,
    "E2b-Sandbox-Port": "9999",
    "User-Agent": "Mozilla/5.0",
    Accept: "text/html",
    "Sec-Fetch-Mode": "navigate",
  });
  assert.equal(page.statusCode, 502);
  assert.match(page.text, /<html[\s\S]*Closed Port Error[\s\S]*<\/html>/);
});

test("an unknown sandbox, port or host gets its exact answer", async () => {
  const unknown = await toPort("i00000000000000000000", 8080);
  assert.equal(unknown.status, 502);
  assert.deepEqual(await unknown.json(), {
    sandboxId: "i00000000000000000000",
    message: "The sandbox was not found",
    code: 502,
  });
  for (const port of ["02280", "+2280", "65536", "-1", "0", "80@169.254.169.254", "a"]) {
    const answer = await toPort(sandbox.sandboxId, port);
    assert.ok([400, 500].includes(answer.status), `${port}: ${answer.status}`);
  }
  assert.equal((await fetch(sandboxUrl, { headers: { "E2b-Sandbox-Id": sandbox.sandboxId } })).status, 400);
});

test("control routes of envd are not reachable from outside", async () => {
  for (const path of ["/init", "//init", "/./init", "/x/../init", "/%69nit", "/freeze", "/upgrade"]) {
    const answer = await ask(path, { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "49983" }, "POST");
    assert.ok([401, 404].includes(answer.statusCode), `${path}: ${answer.statusCode}`);
    assert.notEqual(answer.statusCode, 204);
  }
});

test("envd wants its own sandbox's token", async () => {
  const other = await create();
  const list = (token) =>
    toPort(sandbox.sandboxId, 49983, "/process.Process/List", {
      method: "POST",
      body: "{}",
      headers: {
        "Content-Type": "application/json",
        "Connect-Protocol-Version": "1",
        ...(token ? { "X-Access-Token": token } : {}),
      },
    });
  assert.equal((await list(undefined)).status, 401);
  assert.equal((await list(other.envdAccessToken)).status, 401);
  assert.equal((await list(sandbox.envdAccessToken)).status, 200);
});

test("a kill cuts open connections at once, and 502 follows", async () => {
  const own = await create();
  await own.files.write("server.js", SERVER);
  await own.commands.run("node server.js 8080 0.0.0.0", { background: true });
  await until(async () => (await toPort(own.sandboxId, 8080)).status === 200);
  const open = await toPort(own.sandboxId, 8080, "/forever");
  const reading = (async () => {
    for await (const _ of open.body);
  })();
  const cut = assert.rejects(reading, "the stream must be cut, not ended");
  await pause(200);
  await own.kill();
  await cut;
  assert.equal((await toPort(own.sandboxId, 8080)).status, 502);
});
