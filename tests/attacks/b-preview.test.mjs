// B1, B2, B4, B7, B8 through both proxies: hosts that are no names, tokens at other doors, stale names, idle and slow
// crowds. (B3: a8-control-routes. Requests that two servers could read differently: the proxy's own attack tests.)
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import net from "node:net";
import { before, test } from "node:test";
import { services } from "../e2e/installation.mjs";
import { create, pause, sandboxUrl, toPort, until } from "../e2e/support.mjs";

const url = new URL(sandboxUrl);
const server = (port, text) =>
  `node -e 'const s=require("http").createServer((q,r)=>r.end(${JSON.stringify(text)}));s.on("upgrade",(q,c)=>c.end("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n"));s.listen(${port})'`;

async function serving(sandbox, port, text, headers = {}) {
  await sandbox.commands.run(server(port, text), { background: true, timeoutMs: 0 });
  const answers = async () => (await toPort(sandbox.sandboxId, port, "/", { headers })).status === 200;
  await until(answers, { what: "the server inside" });
}

/** What one raw connection is answered, as far as it came within `ms`. */
function say(bytes, ms = 2_000) {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(ms, end);
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", end).on("close", end);
  });
}

let sandbox;
const pids = {};
before(async () => {
  for (const service of await services()) pids[service.name] = service.pid;
  sandbox = await create();
  await serving(sandbox, 2280, "guest");
});

test("B1, B4 hosts that look like a port and an id lead nowhere", async () => {
  const id = sandbox.sandboxId;
  const labels = [
    ...["02280", "+2280", "2280.", "65536", "-1", "0", "", "２２８０", "٢٢٨٠", "2280%30", "0x8e8", "2280e0"].map(
      (port) => `${port}-${id}`,
    ),
    ...[`2280-${id}x`, `2280-${id.slice(1)}`, `2280--${id}`, `2280_${id}`, `80@169.254.169.254-${id}`, `2280-../${id}`],
  ];
  for (const label of labels) {
    const answer = await say(`GET / HTTP/1.1\r\nHost: ${label}.sandlot.test\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 (400|502) /, label);
    assert.ok(!answer.includes("guest"), label);
  }
  for (const port of ["80@169.254.169.254", "2280,80", "2280 ", "+2280", "02280", "2280;", "٢٢٨٠"]) {
    const head = `Host: x\r\nE2b-Sandbox-Id: ${id}\r\nE2b-Sandbox-Port: ${port}`;
    const answer = await say(`GET / HTTP/1.1\r\n${head}\r\nConnection: close\r\n\r\n`);
    if (port !== "2280 ") assert.match(answer, /^HTTP\/1\.1 400 /, port); // HTTP trims blanks around a value
  }
  const right = await say(`GET / HTTP/1.1\r\nHost: 2280-${id}.any.domain:99\r\nConnection: close\r\n\r\n`);
  assert.match(right, /^HTTP\/1\.1 200 [\s\S]*guest$/);
});

test("B2, B8 a sandbox without public traffic: its token opens its ports, no other door and no other sandbox", async () => {
  const options = { network: { allowPublicTraffic: false } };
  const [one, two] = await Promise.all([create(options), create(options)]);
  const [token, others] = [one, two].map((each) => each.trafficAccessToken);
  assert.ok(token && others && token !== others);
  const withToken = (value) => ({ headers: { "e2b-traffic-access-token": value } });
  await serving(one, 3000, "private", { "e2b-traffic-access-token": token });
  assert.equal((await toPort(one.sandboxId, 3000)).status, 403);
  for (const wrong of [others, token.slice(1), `${token}0`, token.toUpperCase(), one.envdAccessToken, " "]) {
    assert.equal((await toPort(one.sandboxId, 3000, "/", withToken(wrong))).status, 403, wrong);
  }
  assert.equal((await toPort(two.sandboxId, 3000, "/", withToken(token))).status, 403);
  const list = { method: "POST", body: "{}" };
  for (const name of ["e2b-traffic-access-token", "X-Access-Token"]) {
    const headers = { "Content-Type": "application/json", "Connect-Protocol-Version": "1", [name]: token };
    const answer = await toPort(one.sandboxId, 49983, "/process.Process/List", { ...list, headers });
    assert.equal(answer.status, 401, name);
  }
  const upgrade = (more) =>
    say(
      `GET / HTTP/1.1\r\nHost: 3000-${one.sandboxId}.sandlot.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`,
    );
  assert.match(await upgrade(""), /^HTTP\/1\.1 403 /);
  assert.match(await upgrade(`e2b-traffic-access-token: ${others}\r\n`), /^HTTP\/1\.1 403 /);
  assert.match(await upgrade(`e2b-traffic-access-token: ${token}\r\n`), /^HTTP\/1\.1 101 /);
});

test("B7 the name of one that has ended reaches nobody, though others take its place at once", async () => {
  const old = await create();
  await old.kill();
  const successors = await Promise.all(Array.from({ length: 6 }, () => create()));
  await Promise.all(successors.map((each) => serving(each, 2281, "successor")));
  for (let tries = 0; tries < 20; tries += 1) {
    const answer = await toPort(old.sandboxId, 2281);
    assert.equal(answer.status, 502);
    assert.ok(!(await answer.text()).includes("successor"));
  }
});

test("B8 hundreds of idle and dribbling connections, and heads without end, leave the way free for others", async () => {
  const resident = async (name) =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pids[name]}/status`, "utf8"))[1]) / 1024;
  const before = await resident("client-proxy");
  const crowd = [];
  const hold = (bytes, more) => {
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    socket.on("error", () => undefined);
    const dribble = more === undefined ? undefined : setInterval(() => socket.write(more), 200);
    crowd.push(() => {
      clearInterval(dribble);
      socket.destroy();
    });
  };
  const head = `GET / HTTP/1.1\r\nHost: 2280-${sandbox.sandboxId}.sandlot.test\r\n`;
  for (let count = 0; count < 300; count += 1) hold("");
  for (let count = 0; count < 150; count += 1) hold(head, "X-A: b\r\n");
  for (let count = 0; count < 50; count += 1)
    hold(`POST / HTTP/1.1\r\n${head.split("\r\n")[1]}\r\nContent-Length: 1000000000\r\n\r\n`, "x");
  try {
    const huge = await say(`${head}X-Huge: ${"y".repeat(4 << 20)}\r\n\r\n`, 5_000);
    assert.match(huge, /^(HTTP\/1\.1 431 |$)/);
    const many = await say(`${head}${"X: y\r\n".repeat(100_000)}\r\n`, 5_000);
    assert.match(many, /^(HTTP\/1\.1 431 |$)/);
    for (let round = 0; round < 10; round += 1) {
      const startedMs = Date.now();
      assert.equal(await (await toPort(sandbox.sandboxId, 2280)).text(), "guest");
      assert.ok(Date.now() - startedMs < 10_000);
      await pause(150);
    }
    const grown = (await resident("client-proxy")) - before;
    assert.ok(grown < 100, `500 connections cost ${Math.round(grown)} MiB`);
  } finally {
    for (const leave of crowd) leave();
  }
  assert.equal((await sandbox.commands.run("echo on")).stdout, "on\n");
});
