// Ports that are not public, links to them, masked hosts and limits, as a visitor meets them: without TLS, inside it, on both HTTP versions.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import tls from "node:tls";
import WebSocket from "ws";
import { api, create, sandboxUrl, until } from "./support.mjs";

const { ports, domain } = JSON.parse(readFileSync(join(process.env.SANDLOT_DATA_DIR, "stack.json"), "utf8"));
const ca = readFileSync(join(process.env.SANDLOT_DATA_DIR, "ca.crt"));

/** Says what it was asked, and speaks WebSocket, in 40 lines of Python's standard library. */
const SERVER = `
import base64, hashlib, http.server, json
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            self.wfile.write(("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n").encode())
            said = json.dumps([self.path, list(self.headers.items())]).encode()
            self.wfile.write(bytes([0x81, 126]) + len(said).to_bytes(2, "big") + said)
            self.wfile.flush()
            while self.rfile.read(1): pass
            self.close_connection = True
            return
        body = json.dumps([self.path, list(self.headers.items())]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("0.0.0.0", 3000), H).serve_forever()
`;

async function serve(options) {
  const sandbox = await create(options);
  await sandbox.files.write("/tmp/server.py", SERVER);
  // No stream of the client's hangs on it: when a pause breaks one, the client asks for envd's health, which wakes the sandbox.
  await sandbox.commands.run("setsid python3 /tmp/server.py > /dev/null 2>&1 &");
  const host = `3000-${sandbox.sandboxId}.${domain}`;
  const token = sandbox.trafficAccessToken;
  const headers = token ? { "e2b-traffic-access-token": token } : {};
  await until(async () => (await plain(host, "/", headers)).status === 200, { what: "the server" });
  return { sandbox, host, token };
}

/** One request without TLS, by Host. */
function plain(host, path, headers = {}, method = "GET") {
  return ask(http.request(new URL(path, sandboxUrl), { method, headers: { Host: host, ...headers }, agent: false }));
}

/** The same over HTTP/1.1 inside TLS. */
function secure(host, path, headers = {}) {
  const place = { host: "127.0.0.1", port: ports.tls, ca, servername: host, ALPNProtocols: ["http/1.1"] };
  return ask(https.request({ ...place, path, headers: { Host: host, ...headers }, agent: false }));
}

function ask(request) {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.on("data", (bytes) => {
        text += bytes;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.end();
  });
}

/** The same over HTTP/2. */
async function h2(host, path, headers = {}) {
  const session = http2.connect(`https://${host}:${ports.tls}`, {
    createConnection: () =>
      tls.connect({ host: "127.0.0.1", port: ports.tls, ca, servername: host, ALPNProtocols: ["h2"] }),
  });
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":path": path, ...headers });
      let status = 0;
      let text = "";
      stream.on("response", (got) => {
        status = got[":status"];
      });
      stream.on("data", (bytes) => {
        text += bytes;
      });
      stream.on("end", () => resolve({ status, text }));
      stream.on("error", reject);
      stream.end();
    });
  } finally {
    session.destroy();
  }
}

/** Opens a WebSocket and waits for what the server says it was asked. */
function open(host, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${ports.proxy}${path}`, { headers: { Host: host, ...headers } });
    socket.once("message", (text) => resolve({ socket, said: JSON.parse(String(text)) }));
    socket.once("error", reject);
  });
}

const WAYS = [
  ["without TLS", plain],
  ["HTTP/1.1 inside TLS", secure],
  ["HTTP/2", h2],
];

describe("ports that are not public", () => {
  let at;
  before(async () => {
    at = await serve({ network: { allowPublicTraffic: false } });
  });

  for (const [name, way] of WAYS) {
    it(`want the traffic token: ${name}`, async () => {
      assert.equal((await way(at.host, "/")).status, 403);
      assert.equal((await way(at.host, "/", { "e2b-traffic-access-token": "0".repeat(64) })).status, 403);
      const entered = await way(at.host, "/x", { "e2b-traffic-access-token": at.token });
      assert.equal(entered.status, 200);
      assert.equal(JSON.parse(entered.text)[0], "/x");
    });
  }

  it("want it for WebSockets too", async () => {
    await assert.rejects(open(at.host, "/"), /403/);
    const { socket } = await open(at.host, "/", { "e2b-traffic-access-token": at.token });
    socket.terminate();
  });

  it("let a link in, by query and by cookie, and show it to nobody behind", async () => {
    const made = await api("POST", `/sandboxes/${at.sandbox.sandboxId}/links`, {
      body: { port: 3000, ttl: 60, path: "/p?a=1" },
    });
    assert.equal(made.status, 201, made.text);
    const url = new URL(made.json.url);
    assert.equal(url.host, `${at.host}:${ports.tls}`);
    const linked = url.pathname + url.search;
    for (const [, way] of WAYS) {
      const direct = await way(at.host, linked);
      assert.equal(direct.status, 200);
      assert.equal(JSON.parse(direct.text)[0], "/p?a=1");
      assert.doesNotMatch(direct.text, /sandlot-link/);
    }
    const browser = { "User-Agent": "Mozilla/5.0", Accept: "text/html" };
    const first = await secure(at.host, linked, browser);
    assert.equal(first.status, 302);
    assert.equal(first.headers.location, "/p?a=1");
    const [cookie] = first.headers["set-cookie"][0].split(";");
    assert.match(first.headers["set-cookie"][0], /HttpOnly;.*; Secure$/);
    assert.match((await plain(at.host, linked, browser)).headers["set-cookie"][0], /; SameSite=Lax$/);
    const second = await secure(at.host, first.headers.location, { ...browser, Cookie: `mine=1; ${cookie}` });
    assert.equal(second.status, 200);
    const [path, headers] = JSON.parse(second.text);
    assert.equal(path, "/p?a=1");
    assert.deepEqual(
      headers.filter(([header]) => header.toLowerCase() === "cookie").map(([, value]) => value),
      ["mine=1"],
    );
    const { socket, said } = await open(at.host, "/ws", { Cookie: cookie });
    assert.doesNotMatch(JSON.stringify(said), /sandlot-link/);
    socket.terminate();
  });

  it("are reached by a link also while the sandbox is paused, and by no other", async () => {
    const network = { allowPublicTraffic: false };
    const { sandbox, host } = await serve({ network, lifecycle: { onTimeout: "pause", autoResume: true } });
    const { json } = await api("POST", `/sandboxes/${sandbox.sandboxId}/links`, { body: { port: 3000, ttl: 60 } });
    const { search } = new URL(json.url);
    for (const [name, way] of WAYS) {
      assert.equal((await api("POST", `/sandboxes/${sandbox.sandboxId}/pause`, {})).status, 204, name);
      const stranger = await way(host, `/${search.slice(0, -3)}xyz`);
      assert.equal(stranger.status, 403, name);
      assert.equal((await sandbox.getInfo()).state, "paused", name);
      const entered = await way(host, `/woken${search}`);
      assert.equal(entered.status, 200, name);
      assert.equal(JSON.parse(entered.text)[0], "/woken");
      assert.equal((await sandbox.getInfo()).state, "running", name);
    }
  });

  it("shut out a link of another port, another sandbox, a longer time, and none at all", async () => {
    const other = await create({ network: { allowPublicTraffic: false } });
    const link = async (sandbox, port, ttl = 60) => {
      const { json } = await api("POST", `/sandboxes/${sandbox.sandboxId}/links`, { body: { port, ttl } });
      return new URL(json.url).searchParams.get("sandlot-link");
    };
    const [good, port, sandbox] = [await link(at.sandbox, 3000), await link(at.sandbox, 3001), await link(other, 3000)];
    const [expires, signature] = good.split(".");
    const longer = `${(Number.parseInt(expires, 36) + 3_600).toString(36)}.${signature}`;
    for (const token of [port, sandbox, longer, `${expires}.`, "", "x", `${expires}.${"A".repeat(43)}`]) {
      assert.equal((await plain(at.host, `/?sandlot-link=${token}`)).status, 403, token);
      assert.equal((await plain(at.host, "/", { Cookie: `sandlot-link=${token}` })).status, 403, token);
    }
    assert.equal((await plain(at.host, `/?sandlot-link=${good}`)).status, 200);
  });

  it("end what a link has opened when its time is over", async () => {
    const { json } = await api("POST", `/sandboxes/${at.sandbox.sandboxId}/links`, { body: { port: 3000, ttl: 4 } });
    const { search } = new URL(json.url);
    const { socket } = await open(at.host, `/${search}`);
    const openedMs = Date.now();
    await new Promise((resolve) => socket.once("close", resolve));
    assert.ok(Date.now() - openedMs < 20_000);
    assert.equal((await plain(at.host, `/${search}`)).status, 403);
  });

  it("are not for another team to make links to, nor is a public port or envd's", async () => {
    const path = `/sandboxes/${at.sandbox.sandboxId}/links`;
    const headers = { "X-API-Key": process.env.SANDLOT_OTHER_API_KEY };
    assert.equal((await api("POST", path, { headers, body: { port: 3000 } })).status, 404);
    assert.equal((await api("POST", path, { body: { port: 49983 } })).status, 400);
    const open = await create();
    assert.equal((await api("POST", `/sandboxes/${open.sandboxId}/links`, { body: { port: 3000 } })).status, 400);
  });

  after(async () => {
    const { json } = await api("POST", `/sandboxes/${at.sandbox.sandboxId}/links`, { body: { port: 3000 } });
    const { search } = new URL(json.url);
    const { socket } = await open(at.host, `/${search}`);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await at.sandbox.kill();
    await closed;
    assert.equal((await plain(at.host, `/${search}`)).status, 502);
  });
});

describe("maskRequestHost", () => {
  it("is what the guest sees, with the real one beside it", async () => {
    const at = await serve({ network: { maskRequestHost: "localhost:${PORT}" } });
    const expected = { host: "localhost:3000" };
    const seen = ([, headers]) => Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, way] of WAYS) {
      const headers = seen(JSON.parse((await way(at.host, "/")).text));
      assert.equal(headers.host, expected.host, name);
      assert.equal(headers["x-forwarded-host"].split(":")[0], at.host, name);
    }
    const { socket, said } = await open(at.host, "/");
    assert.equal(seen(said).host, expected.host);
    socket.terminate();
  });
});
