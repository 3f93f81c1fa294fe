// A11: every service of the installation listens on loopback only, and guests cannot reach one of them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { services } from "../e2e/installation.mjs";
import { create } from "../e2e/support.mjs";

test("A11 services bind loopback", async () => {
  const pids = new Set((await services()).map((service) => service.pid));
  assert.ok(pids.size >= 5, "api, client-proxy, orchestrator, PostgreSQL, Redis");
  const sockets = execFileSync("ss", ["-Htlnp"], { encoding: "utf8" }).split("\n");
  const mine = sockets.filter((line) => [...line.matchAll(/pid=(\d+)/g)].some(([, pid]) => pids.has(Number(pid))));
  assert.ok(mine.length >= 4);
  const ports = [];
  for (const line of mine) {
    const local = line.split(/\s+/)[3];
    ports.push(local.slice(local.lastIndexOf(":") + 1));
    // The guests' name server is the one thing that listens towards them, on an address of the slots' own range.
    assert.ok(/^(127\.0\.0\.1|\[::1\]):/.test(local) || /^10\.\d+\.255\.254:(53|10053)$/.test(local), line);
  }
  const sandbox = await create();
  const tries = ports
    .filter((port) => port !== "53")
    .flatMap((port) =>
      ["169.254.0.22", "127.0.0.1"].map(
        (host) => `timeout 2 bash -c '</dev/tcp/${host}/${port}' 2>/dev/null && echo REACHED ${host} ${port}`,
      ),
    );
  const seen = await sandbox.commands.run(`${tries.join("; ")}; true`, { timeoutMs: 120_000 });
  assert.equal(seen.stdout, "");
});
