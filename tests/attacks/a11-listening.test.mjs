// A11: every service of the installation listens on loopback only, and guests cannot reach one of them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { services, status } from "../e2e/installation.mjs";
import { create } from "../e2e/support.mjs";

/** The last one that a host may have: the one below the broadcast address. */
function lastAddress(cidr) {
  const [base, prefix] = cidr.split("/");
  const number = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + 2 ** (32 - prefix) - 2;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}

test("A11 services bind loopback", async () => {
  const pids = new Set((await services()).map((service) => service.pid));
  assert.ok(pids.size >= 5, "api, client-proxy, orchestrator, PostgreSQL, Redis");
  const sockets = execFileSync("ss", ["-Htlnp"], { encoding: "utf8" }).split("\n");
  const mine = sockets.filter((line) => [...line.matchAll(/pid=(\d+)/g)].some(([, pid]) => pids.has(Number(pid))));
  assert.ok(mine.length >= 4);
  const nameServer = `${lastAddress((await status()).slotCidr)}:10053`;
  assert.ok(
    mine.some((line) => line.includes(` ${nameServer} `)),
    "the guests' name server",
  );
  const ports = [];
  for (const line of mine) {
    const local = line.split(/\s+/)[3];
    ports.push(local.slice(local.lastIndexOf(":") + 1));
    // The guests' name server is the one thing that listens towards them: on the last address of the slots' range.
    assert.ok(/^(127\.\d+\.\d+\.\d+|\[::1\]):/.test(local) || local === nameServer, line);
  }
  const sandbox = await create();
  // On port 53 of its gateway a guest finds the resolver made for it, whatever else has that port on the host's loopback.
  const tries = ports
    .filter((port) => !["53", "10053"].includes(port))
    .flatMap((port) =>
      ["169.254.0.22", "127.0.0.1"].map(
        (host) => `timeout 2 bash -c '</dev/tcp/${host}/${port}' 2>/dev/null && echo REACHED ${host} ${port}`,
      ),
    );
  const seen = await sandbox.commands.run(`${tries.join("; ")}; true`, { timeoutMs: 120_000 });
  assert.equal(seen.stdout, "");
});
