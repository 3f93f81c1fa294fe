// D6: everything on the host that reads what a guest made: node agent (envd's answers, PID 1's output, its root's file
// system), both proxies (answers of servers inside). None may hang, grow, follow, or mix up two guests.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import http from "node:http";
import { before, test } from "node:test";
import { services } from "../e2e/installation.mjs";
import { api, create, pause, toPort, until } from "../e2e/support.mjs";

let program;
const pids = {};
before(async () => {
  for (const service of await services()) pids[service.name] = service.pid;
  program = await readFile(new URL("guest/hostile.py", import.meta.url), "utf8");
});

async function residentMiB(name) {
  const text = await readFile(`/proc/${pids[name]}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(text)[1]) / 1024;
}

/** Seen from the host: a process whose root directory is the silent file system. */
async function hasSilentRoot() {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
    if (/^\S+ \S+ \S+ \S+ \/ .* - fuse silent /m.test(mounts)) return true;
  }
  return false;
}

async function killedSoon(sandbox) {
  const startedMs = Date.now();
  assert.equal(await sandbox.kill(), true);
  assert.ok(Date.now() - startedMs < 15_000, `the kill took ${Date.now() - startedMs} ms`);
}

test("D6 a false envd cannot send the node elsewhere, fill its memory, or keep its sandbox from ending", async () => {
  const hits = [];
  const inside = http.createServer((request, response) => {
    hits.push(request.url);
    response.end("{}");
  });
  await new Promise((resolve) => inside.listen(0, "127.0.0.1", resolve));
  const target = `http://127.0.0.1:${inside.address().port}/secret`;
  const [sandbox, neighbour] = await Promise.all([create(), create()]);
  const before = await residentMiB("orchestrator");
  await sandbox.files.write("hostile.py", program);
  await sandbox.commands
    .run(
      `sudo sh -c 'cp hostile.py /root/envd; chmod 755 /root/envd; echo ${target} > /root/redirect-to; mv /root/envd /usr/lib/sandlot/envd'; sudo sh -c 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */sandlot/envd*) kill -9 \${p#/proc/};; esac; done'`,
      { timeoutMs: 5_000 },
    )
    .catch(() => undefined);
  let mostMiB = 0;
  for (let looks = 0; looks < 8; looks += 1) {
    await pause(400);
    mostMiB = Math.max(mostMiB, await residentMiB("orchestrator"));
    assert.equal((await neighbour.commands.run("echo fine")).stdout, "fine\n");
  }
  await assert.rejects(sandbox.commands.run("echo mine", { requestTimeoutMs: 2_000 }), "the false envd is in place");
  assert.deepEqual(hits, []);
  assert.ok(mostMiB - before < 150, `the node's agent grew by ${Math.round(mostMiB - before)} MiB`);
  await killedSoon(sandbox);
  inside.close();
});

test("D6 a root that never answers holds nobody up", async () => {
  const [sandbox, neighbour] = await Promise.all([create(), create()]);
  await sandbox.files.write("hostile.py", program);
  let said = "";
  await sandbox.commands.run("sudo python3 hostile.py fuse", {
    background: true,
    onStdout: (text) => {
      said += text;
    },
  });
  await until(() => said.includes("silent"), { what: "the silent root" });
  await until(hasSilentRoot, { what: "a PID 1 whose root is silent" });
  await pause(6_000); // one whole round of the node's measuring
  assert.equal((await neighbour.commands.run("echo fine")).stdout, "fine\n");
  const fresh = await create();
  await until(async () => (await api("GET", `/sandboxes/${fresh.sandboxId}`)).status === 200);
  await killedSoon(sandbox);
  await killedSoon(fresh);
});

test("D6 whatever a server inside answers, the proxies stay small and the next request is served", async () => {
  const sandbox = await create();
  await sandbox.files.write("hostile.py", program);
  await sandbox.commands.run("python3 hostile.py http 9000", { background: true, timeoutMs: 0 });
  await until(async () => (await toPort(sandbox.sandboxId, 9000, "/fine").catch(() => ({}))).status === 200);
  const before = await Promise.all(["client-proxy", "orchestrator"].map(residentMiB));
  const paths = [...program.matchAll(/b"(\/[a-z-]+)": lambda/g)].map(([, path]) => path);
  assert.ok(paths.length > 15);
  await Promise.all(
    paths.map(async (path) => {
      const signal = AbortSignal.timeout(3_000);
      const outcome = await toPort(sandbox.sandboxId, 9000, path, { signal })
        .then(async (answer) => ({
          status: answer.status,
          smuggled: answer.headers.get("x-smuggled"),
          text: await answer.text(),
        }))
        .catch((error) => ({ status: 0, smuggled: null, text: String(error) }));
      assert.equal(outcome.smuggled, null, path);
      assert.ok([0, 200, 502, 504].includes(outcome.status), `${path}: ${outcome.status}`);
      if (path === "/surplus" && outcome.status === 200) assert.equal(outcome.text, "ok");
    }),
  );
  for (let round = 0; round < 20; round += 1) {
    const answer = await toPort(sandbox.sandboxId, 9000, "/fine");
    assert.equal(answer.headers.get("x-smuggled"), null);
    assert.equal(await answer.text(), "ok");
  }
  const after = await Promise.all(["client-proxy", "orchestrator"].map(residentMiB));
  for (const [at, value] of after.entries()) {
    assert.ok(value - before[at] < 150, `grew from ${before[at]} to ${value} MiB`);
  }
  await killedSoon(sandbox);
});
