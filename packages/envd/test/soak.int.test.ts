/**
 * All of envd's rooms at once for SANDLOT_SOAK_SECONDS (300), with clients that stay and clients that leave half-way.
 * Afterwards no descriptor, child or watch may be left, and memory may not have grown since the warm-up. Only with
 * SANDLOT_SOAK=1.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basic, collect, type Json, rssMiB, run, startTestEnvd, stream, type TestEnvd, unary } from "./harness";

const SECONDS = Number(process.env.SANDLOT_SOAK_SECONDS ?? 300);
const WARM_UP_SHARE = 0.3;
const GROWTH_MIB = 40;

/** What envd holds open, by kind; sockets aside, of which the test's own client keeps some. */
function heldOpen(pid: number): Record<string, number> {
  const held: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target = "gone";
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {}
    const kind = target.replace(/:\[?\d*\]?$/, "");
    if (kind !== "socket" && kind !== "gone") held[kind] = (held[kind] ?? 0) + 1;
  }
  return held;
}

function children(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
}

function call(envd: TestEnvd, method: string, message: Json, signal?: AbortSignal): Promise<Json> {
  return fetch(`${envd.url}/filesystem.Filesystem/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...basic("user") },
    body: JSON.stringify(message),
    ...(signal === undefined ? {} : { signal }),
  }).then((response) => response.json() as Promise<Json>);
}

const soon = (): AbortSignal => AbortSignal.timeout(1 + Math.floor(Math.random() * 60));
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
const octets = { "content-type": "application/octet-stream" };
let turn = 0;

/** One turn of each kind of client. */
const CLIENTS: readonly ((envd: TestEnvd) => Promise<unknown>)[] = [
  async (envd) => {
    const ran = await run(envd, { script: "head -c 300000 /dev/zero; echo x >&2; exit 2" });
    expect([ran.stdout.length, ran.end?.exitCode]).toEqual([300_000, 2]);
  },
  async (envd) => {
    const tag = `left-${turn++}`;
    const request = { process: { cmd: "sh", args: ["-c", "yes | head -c 3000000; sleep 0.2"] }, tag };
    const left = stream({ url: envd.url, method: "Start", headers: basic("user"), signal: soon() }, request);
    await quietly(collect(left));
    await unary({ url: envd.url, method: "SendSignal" }, { process: { tag }, signal: "SIGNAL_SIGKILL" });
  },
  async (envd) => {
    const ran = await run(envd, { script: "stty size", request: { pty: { size: { cols: 9, rows: 5 } } } });
    expect(ran.pty).toBe("5 9\r\n");
  },
  async (envd) => {
    const name = `file-${turn++}`;
    const url = `${envd.url}/files?username=user&path=${name}`;
    const body = Buffer.alloc(1 + Math.floor(Math.random() * 3_000_000), "x");
    expect((await fetch(url, { method: "POST", headers: octets, body })).status).toBe(200);
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(body.length);
    await quietly(fetch(url, { signal: soon() }).then((response) => response.arrayBuffer()));
    await quietly(fetch(url, { method: "POST", headers: octets, body, signal: soon() }));
    await call(envd, "Remove", { path: name });
  },
  async (envd) => {
    const { watcherId } = (await call(envd, "CreateWatcher", { path: ".", recursive: true })) as { watcherId: string };
    await call(envd, "MakeDir", { path: `dir-${turn}/a/b` });
    await call(envd, "GetWatcherEvents", { watcherId });
    await call(envd, "Remove", { path: `dir-${turn++}` });
    await call(envd, "RemoveWatcher", { watcherId });
  },
  async (envd) => {
    const body = Buffer.from(JSON.stringify({ path: "." }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    const headers = { "content-type": "application/connect+json", ...basic("user") };
    const watched = fetch(`${envd.url}/filesystem.Filesystem/WatchDir`, {
      method: "POST",
      headers,
      body: Buffer.concat([head, body]),
      signal: soon(),
    });
    await quietly(watched.then((response) => response.text()));
  },
  async (envd) => {
    await call(envd, "ListDir", { path: "/usr/lib", depth: 2 });
    await quietly(call(envd, "ListDir", { path: "/usr", depth: 4 }, soon()));
    await fetch(`${envd.url}/metrics`);
  },
];

test.skipIf(process.env.SANDLOT_SOAK !== "1")(
  "nothing is left behind and nothing grows",
  async () => {
    await using envd = await startTestEnvd();
    await run(envd, { script: "true" });
    const openBefore = heldOpen(envd.pid);
    const startedMs = performance.now();
    const turns = CLIENTS.map(() => 0);
    const untilShare = async (share: number): Promise<number> => {
      const endsMs = startedMs + SECONDS * 1000 * share;
      const loop = async (client: (typeof CLIENTS)[number], at: number): Promise<void> => {
        while (performance.now() < endsMs) {
          await client(envd);
          turns[at] = (turns[at] ?? 0) + 1;
        }
      };
      await Promise.all(CLIENTS.map(loop));
      await Bun.sleep(4000); // past the collection that follows a burst
      return rssMiB(envd.pid);
    };
    const warm = await untilShare(WARM_UP_SHARE);
    const end = await untilShare(1);
    process.stderr.write(
      `turns ${turns.join(" ")}; ${warm.toFixed(0)} MiB after the warm-up, ${end.toFixed(0)} MiB at the end\n`,
    );
    for (const count of turns) expect(count).toBeGreaterThan(SECONDS / 10);
    expect(heldOpen(envd.pid)).toEqual(openBefore);
    expect(children(envd.pid)).toBe("");
    const { body } = await unary({ url: envd.url, method: "List" }, {});
    expect(body).toEqual({});
    expect(end - warm).toBeLessThan(GROWTH_MIB);
  },
  (SECONDS + 60) * 1000,
);
