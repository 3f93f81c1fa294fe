// The egress proxy: bytes per second of a sandbox whose connections are looked into beside one whose are not, what others feel
// meanwhile, and how long replacing rules takes. Needs root and the variables of `sandlot env`; contacts nothing outside: the
// other end is a namespace made here.
//   node bench/egress.mjs [--mb 500] [--rounds 3]
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { parseArgs } from "node:util";
import { Sandbox } from "e2b";
import { quantile, report, reportTimes, timed } from "./support.mjs";

const { values } = parseArgs({
  options: { mb: { type: "string", default: "500" }, rounds: { type: "string", default: "3" } },
});
const bytes = Number(values.mb) * 1_000_000;
const FAR = "198.51.100.78";
const [NETNS, LINK, NEAR_END, FAR_END] = ["bench-outside", "bench-out", "203.0.114.248", "203.0.114.250"];

/** Sends `bytes` on port 9001, takes everything on 9002; TLS by its first bytes only, so that nobody's encryption is measured. */
const PEER = `
const net = require("node:net");
const piece = Buffer.alloc(1 << 18, 120);
net.createServer((socket) => {
  let left = ${bytes};
  const more = () => {
    while (left > 0) {
      const part = left < piece.length ? piece.subarray(0, left) : piece;
      left -= part.length;
      if (!socket.write(part)) return socket.once("drain", more);
    }
    socket.end();
  };
  socket.once("data", more).on("error", () => undefined);
}).listen(9001);
net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("data", () => undefined).on("end", () => socket.end("ok")).on("error", () => undefined);
}).listen(9002, () => console.log("ready"));
`;
const CLIENT = `
import socket, ssl, sys, time
mode, total = sys.argv[1], int(sys.argv[2])
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
try: ssl.create_default_context().wrap_bio(into, out, server_hostname="api.test").do_handshake()
except ssl.SSLWantReadError: pass
peer = socket.create_connection(("${FAR}", 9001 if mode == "down" else 9002))
peer.sendall(out.read())
piece, started, done = bytearray(1 << 18), time.time(), 0
if mode == "down":
    while (count := peer.recv_into(piece)) > 0: done += count
else:
    while done < total: done += peer.send(piece)
    peer.shutdown(1)
    assert peer.recv(2) == b"ok"
print(done / (time.time() - started) / 1e6)
`;

const ip = (...words) => execFileSync("ip", words, { stdio: "pipe" });
function remove() {
  for (const words of [
    ["netns", "del", NETNS],
    ["link", "del", LINK],
  ])
    try {
      ip(...words);
    } catch {
      // not there
    }
}
async function startPeer() {
  remove();
  ip("netns", "add", NETNS);
  ip("link", "add", "name", LINK, "type", "veth", "peer", "name", "out0", "netns", NETNS);
  ip("addr", "add", `${NEAR_END}/30`, "dev", LINK);
  ip("link", "set", LINK, "up");
  for (const line of [
    `addr add ${FAR_END}/30 dev out0`,
    `addr add ${FAR}/32 dev out0`,
    "link set out0 up",
    "link set lo up",
    `route add default via ${NEAR_END}`,
  ])
    ip("-n", NETNS, ...line.split(" "));
  ip("route", "replace", `${FAR}/32`, "via", FAR_END, "dev", LINK);
  const peer = spawn("nsenter", [`--net=/run/netns/${NETNS}`, process.execPath, "-e", PEER], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(peer.stdout, "data");
  return peer;
}

/** Time of one small request to another sandbox, by both proxies. */
function ping(sandbox) {
  const { hostname, port } = new URL(process.env.E2B_SANDBOX_URL);
  const headers = { Host: `49983-${sandbox.sandboxId}.${process.env.E2B_DOMAIN}` };
  return new Promise((resolve, reject) => {
    const started = performance.now();
    http
      .get({ hostname, port, path: "/health", headers }, (answer) =>
        answer.resume().on("end", () => resolve(performance.now() - started)),
      )
      .on("error", reject);
  });
}

async function rate(sandbox, mode, neighbour) {
  const rates = [];
  const pings = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    let isDone = false;
    const running = sandbox.commands.run(`python3 client.py ${mode} ${bytes}`, { timeoutMs: 120_000 });
    void running
      .finally(() => {
        isDone = true;
      })
      .catch(() => undefined);
    while (!isDone) {
      pings.push(await ping(neighbour));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    rates.push(Number((await running).stdout));
  }
  return { rate: quantile(rates, 0.5), ping: quantile(pings, 0.5) };
}

async function passThrough(sandbox, neighbour) {
  const looked = { rules: { "listed.test": [{ transform: { headers: { "X-Any": "1" } } }] } };
  for (const mode of ["down", "up"]) {
    await sandbox.updateNetwork({});
    const direct = await rate(sandbox, mode, neighbour);
    await sandbox.updateNetwork(looked);
    const proxied = await rate(sandbox, mode, neighbour);
    const note = `${values.mb} MB, n=${values.rounds}`;
    report({ name: `${mode} without the egress proxy`, value: direct.rate, unit: "MB/s", note });
    report({ name: `${mode} through the egress proxy`, value: proxied.rate, unit: "MB/s", atLeast: 200, note });
    report({ name: `${mode}, of what it is without`, value: (100 * proxied.rate) / direct.rate, unit: "%" });
    report({ name: `another sandbox's request meanwhile, without, p50`, value: direct.ping, unit: "ms" });
    report({ name: `another sandbox's request meanwhile, through, p50`, value: proxied.ping, unit: "ms" });
  }
}

async function updates(sandbox) {
  const denyOut = ["0.0.0.0/0"];
  const names = [];
  const ranges = [];
  for (let n = 1; n <= 60; n += 1) {
    names.push((await timed(() => sandbox.updateNetwork({ allowOut: [`name-${n}.test`], denyOut }))).ms);
  }
  for (let n = 1; n <= 60; n += 1) {
    ranges.push((await timed(() => sandbox.updateNetwork({ allowOut: [`name.test`, `198.51.100.${n}`], denyOut }))).ms);
  }
  reportTimes({ name: "replace domains, in force and answered", times: names, p50: 20 });
  reportTimes({ name: "replace domains and addresses", times: ranges, p50: 20 });
}

const peer = await startPeer();
const [sandbox, neighbour] = await Promise.all([1, 2].map(() => Sandbox.create("base", { timeoutMs: 600_000 })));
try {
  await sandbox.files.write("client.py", CLIENT);
  await passThrough(sandbox, neighbour);
  await updates(sandbox);
} finally {
  await Promise.all([sandbox, neighbour].map((one) => one.kill()));
  peer.kill();
  remove();
}
