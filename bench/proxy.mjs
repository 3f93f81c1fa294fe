// What one proxy hop costs, beside nginx in the same run: time added, requests per second of processor time, 1 MB bodies, idle
// WebSockets. Installs Debian's nginx and wrk when they are not there. Needs no installation.
//   node bench/proxy.mjs [--seconds 3] [--sockets 2000]
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { report } from "./support.mjs";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "3" }, sockets: { type: "string", default: "2000" } },
});
const NGINX = "/usr/sbin/nginx";
const BUN = fileURLToPath(new URL("../node_modules/.bin/bun", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "sandlot-bench-proxy-"));
const children = [];

function need() {
  const missing = [existsSync(NGINX) ? "" : "nginx-light", existsSync("/usr/bin/wrk") ? "" : "wrk"].filter(Boolean);
  if (missing.length === 0) return;
  const words = ["install", "-y", "--no-install-recommends", ...missing];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, stderr } = spawnSync("apt-get", words, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`apt-get could not install ${missing.join(" and ")}: ${stderr}`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Processor 0 is the proxy's alone where there are several; all else has the others. */
function pinned(core, argv) {
  return ["taskset", "-c", core, ...argv];
}

async function startNginx(name, core, http) {
  const conf = join(dir, `${name}.conf`);
  writeFileSync(
    conf,
    `daemon off; master_process off; pid ${dir}/${name}.pid; error_log ${dir}/${name}.log;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path ${dir}; proxy_temp_path ${dir};
fastcgi_temp_path ${dir}; uwsgi_temp_path ${dir}; scgi_temp_path ${dir}; ${http} }\n`,
  );
  const [program, ...words] = pinned(core, [NGINX, "-c", conf]);
  return start(spawn(program, words, { stdio: ["ignore", "ignore", "inherit"] }));
}

function start(child) {
  children.push(child);
  return child;
}

async function startOurs(core, upstream, how) {
  const serve = fileURLToPath(new URL("proxy/serve.ts", import.meta.url));
  const [program, ...words] = pinned(core, [BUN, serve, String(upstream), how]);
  const child = start(spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] }));
  const port = await new Promise((resolve) => child.stdout.once("data", (text) => resolve(Number(text))));
  return { child, port };
}

async function untilOpen(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    const isOpen = await new Promise((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing listens on ${port}`);
}

/** User and system time of a process, in seconds. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryMiB(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) / 1024;
}

const LOAD = "1-7";

/** @returns what wrk measured, and what the proxy's process spent on it */
function load(port, path, { connections, pid, seconds = values.seconds }) {
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  const argv = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", `http://127.0.0.1:${port}${path}`];
  const { stdout } = spawnSync("taskset", ["-c", LOAD, ...argv], { encoding: "utf8" });
  const cpu = pid === undefined ? 0 : cpuSeconds(pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)[1]);
  const [, value, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  const p50 = Number(value) * { us: 0.001, ms: 1, s: 1_000 }[unit];
  if (/Non-2xx/.test(stdout)) throw new Error(`wrk saw failures:\n${stdout}`);
  return { requests, perCpuSecond: requests / cpu, p50 };
}

async function measureHop(name, { direct, ours, nginx, how }) {
  const small = (place, pid) => load(place, "/small", { connections: 64, pid });
  // Until the compiler has done its work: a proxy lives longer than this run.
  for (let done = 0; done < 50_000; ) done += small(ours.port, ours.child.pid).requests;
  const rows = { ours: small(ours.port, ours.child.pid), nginx: small(nginx.port, nginx.child.pid) };
  report({ name: `${name}: requests per CPU second`, value: rows.ours.perCpuSecond, unit: "/s" });
  report({ name: `${name}: the same of nginx`, value: rows.nginx.perCpuSecond, unit: "/s" });
  const share = (100 * rows.ours.perCpuSecond) / rows.nginx.perCpuSecond;
  report({ name: `${name}: small requests against nginx`, value: share, unit: "%", atLeast: 60 });
  const one = (port) => load(port, "/small", { connections: 1 }).p50;
  const base = Math.min(one(direct), one(direct));
  const added = Math.min(one(ours.port), one(ours.port)) - base;
  report({
    name: `${name}: time added, p50`,
    value: added * 1_000,
    unit: "us",
    atMost: 500,
    note: `direct ${base} ms`,
  });
  if (how !== "keep") return;
  const big = ({ port, child }) => load(port, "/big", { connections: 8, pid: child.pid });
  big(ours);
  const [mine, theirs] = [big(ours), big(nginx)];
  report({ name: `${name}: 1 MB bodies per CPU second`, value: mine.perCpuSecond, unit: "/s" });
  report({ name: `${name}: the same of nginx`, value: theirs.perCpuSecond, unit: "/s" });
  const bigShare = (100 * mine.perCpuSecond) / theirs.perCpuSecond;
  report({ name: `${name}: 1 MB bodies against nginx`, value: bigShare, unit: "%", atLeast: 90 });
}

/** Upgraded connections that say nothing. */
async function measureSockets() {
  const count = Number(values.sockets);
  const open = new Set();
  const upstream = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    );
  });
  await new Promise((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const ours = await startOurs("0", upstream.address().port, "fresh");
  const dial = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect(ours.port, "127.0.0.1");
      open.add(socket);
      socket.on("error", reject);
      socket.once("data", () => resolve(socket));
      socket.write(
        "GET /ws HTTP/1.1\r\nHost: 80-bench.test\r\nUser-Agent: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
    });
  await dial();
  const before = memoryMiB(ours.child.pid);
  for (let at = 0; at < count; at += 50) await Promise.all(Array.from({ length: 50 }, dial));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const added = memoryMiB(ours.child.pid) - before;
  report({ name: `${count} idle WebSockets: memory added`, value: added, unit: "MiB", atMost: 60 });
  for (const socket of open) socket.destroy();
  upstream.close();
}

need();
try {
  const direct = await freePort();
  writeFileSync(join(dir, "big"), Buffer.alloc(1_000_000, "x"));
  await startNginx(
    "origin",
    LOAD,
    `server { listen 127.0.0.1:${direct} backlog=4096 reuseport; location /small { return 200 "hello world"; } location / { root ${dir}; } sendfile on; }`,
  );
  const [keepPort, freshPort] = [await freePort(), await freePort()];
  const proxying = (port, more) =>
    `upstream o { server 127.0.0.1:${direct}; ${more} } server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_buffering off; } }`;
  const nginxKeep = await startNginx("keep", "0", proxying(keepPort, "keepalive 128; keepalive_requests 100000000;"));
  const nginxFresh = await startNginx("fresh", "0", proxying(freshPort, ""));
  for (const port of [direct, keepPort, freshPort]) await untilOpen(port);
  const [keep, fresh] = [await startOurs("0", direct, "keep"), await startOurs("0", direct, "fresh")];
  await measureHop("hop to a node", { direct, ours: keep, nginx: { child: nginxKeep, port: keepPort }, how: "keep" });
  await measureHop("hop to a guest", {
    direct,
    ours: fresh,
    nginx: { child: nginxFresh, port: freshPort },
    how: "fresh",
  });
  await measureSockets();
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
}
