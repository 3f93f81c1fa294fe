/** Pausing, restoring and saving sandboxes on this host: real machines, CRIU, the node as its own process. */
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { createRequest } from "./fakes/create-request";
import { hasCriu, type RealNode, realNode, whyNot } from "./real-node";

const reason = whyNot() ?? (hasCriu ? undefined : "missing: SANDLOT_TEST_CRIU");
if (reason !== undefined) process.stderr.write(`skipped: the node's pauses on real machines (${reason})\n`);

const SIZE = { ramMb: 512n, totalDiskSizeMb: 1024n };
const build = (number: number): string => `${String(number).padStart(8, "0")}-2222-4222-8222-222222222222`;
/** As the control plane resumes: nothing of the create but the identity. */
const resumed = (id: string, buildId: string, more: { filesystemBoot?: boolean } = {}) =>
  createRequest(id, { ...SIZE, buildId, snapshot: true, envVars: {} }, more);
const TICKER =
  "(n=0; while :; do n=$((n+1)); echo $n > /root/ticks; sleep 0.02; done) >/dev/null 2>&1 & echo $! > /root/pid; sleep 0.1";
// The file is empty for a moment at each tick.
const TICKS = `
  a=$(cat /root/ticks)
  for try in $(seq 100); do
    sleep 0.1
    b=$(cat /root/ticks)
    [ -n "$a" ] || a=$b
    if [ "\${b:-0}" -gt "\${a:-0}" ]; then echo $a $b; break; fi
  done
  kill -0 $(cat /root/pid) && echo alive`;

/** Its number alone would not do: a fresh boot has given it to another process by chance. */
const KEPT = 'cat /root/kept; a=$(cat /root/ticks); sleep 0.3; [ "$(cat /root/ticks)" = "$a" ] && echo gone';

const listed = async (node: RealNode) =>
  (await node.sandboxes.list({})).sandboxes.map(({ config }) => config?.sandboxId);

describe.skipIf(reason !== undefined)("pausing on this host", () => {
  it("keeps processes, memory, files and tokens, from the cache and from the disk", async () => {
    await using node = await realNode({ tag: "tpa1", slotCidr: "10.231.10.0/24" });
    const { sandboxes } = node;
    expect((await node.info.serviceInfo({})).memorySnapshots).toBe(true);
    await sandboxes.create(createRequest("ipa", SIZE));
    await node.run("ipa", `${TICKER}; echo kept > /root/kept; hostname > /root/hostname`);
    const machineId = (await node.run("ipa", "cat /etc/machine-id")).stdout;
    let ticks = 0;
    for (const [round, way] of (["cache", "disk", "disk"] as const).entries()) {
      const startedMs = performance.now();
      const answer = await sandboxes.pause({ sandboxId: "ipa", buildId: build(round + 1) });
      const pausedMs = performance.now();
      expect(answer.memoryBytes).toBeGreaterThan(0n);
      expect(await listed(node)).toEqual([]);
      expect((await node.visit("49983-ipa.sandlot.test", "/health")).status).toBe(502);
      if (way === "disk") {
        node.env.RESUME_CACHE_SIZE = "0";
        await node.stop("SIGKILL");
        await node.start();
      }
      const againMs = performance.now();
      await node.sandboxes.create(resumed("ipa", build(round + 1)));
      const resumedMs = performance.now();
      process.stderr.write(
        `pause ${(pausedMs - startedMs).toFixed(0)} ms, resume from ${way} ${(resumedMs - againMs).toFixed(0)} ms\n`,
      );
      const ran = await node.run("ipa", `cat /root/kept; hostname; cat /etc/machine-id; echo $COLOUR; ${TICKS}`);
      const [kept, hostname, machineIdNow, colour, counts = "", alive] = ran.stdout.trim().split("\n");
      expect([kept, hostname, `${machineIdNow}\n`, colour, alive]).toEqual(["kept", "ipa", machineId, "blue", "alive"]);
      const [now = 0] = counts.split(" ").map(Number);
      expect(now).toBeGreaterThan(ticks);
      ticks = now;
      expect((await node.visit("49983-ipa.sandlot.test", "/envs")).status).toBe(401);
    }
    const log = await node.log();
    expect(log).toContain('"from":"cache"');
    expect(log).toContain('"from":"memory"');
    await node.sandboxes.delete({ sandboxId: "ipa" });
  }, 120_000);

  it("forks: another identity, token and rules, the same memory; the original runs on", async () => {
    await using node = await realNode({ tag: "tpa2", slotCidr: "10.231.11.0/24" });
    const { sandboxes } = node;
    await sandboxes.create(createRequest("iorig", SIZE));
    await node.run("iorig", TICKER);
    await sandboxes.checkpoint({ sandboxId: "iorig", buildId: build(1) });
    expect((await node.run("iorig", TICKS)).stdout).toContain("alive");
    const fork = (id: string) =>
      createRequest(id, {
        ...SIZE,
        buildId: build(1),
        envdAccessToken: `token-${id}`,
        envVars: {},
        allowInternetAccess: false,
      });
    const ids = ["ifa", "ifb", "ifc"];
    await Promise.all(ids.map((id) => sandboxes.create(fork(id))));
    const seen = new Set<string>([(await node.run("iorig", "cat /etc/machine-id")).stdout]);
    for (const id of ids) {
      const ran = await node.run(id, `hostname; echo $E2B_SANDBOX_ID; echo $COLOUR; ${TICKS}`, `token-${id}`);
      expect(ran.stdout).toMatch(new RegExp(`^${id}\n${id}\nblue\n\\d+ \\d+\nalive\n$`));
      seen.add((await node.run(id, "cat /etc/machine-id", `token-${id}`)).stdout);
      await expect(node.run(id, "echo not mine", "token-1")).rejects.toThrow();
      const refused = await node.run(
        id,
        "timeout 5 bash -c '</dev/tcp/203.0.113.80/443' && echo open || echo closed",
        `token-${id}`,
      );
      expect(refused.stdout).toBe("closed\n");
    }
    expect(seen.size).toBe(4);
    await Promise.all(["iorig", ...ids].map((sandboxId) => sandboxes.delete({ sandboxId })));
    await sandboxes.deleteBuilds({ buildIds: [build(1)] });
    expect(existsSync(join(node.dir, "artifacts/builds", build(1)))).toBe(false);
  }, 120_000);

  it("boots what was paused without its memory, or is asked to", async () => {
    await using node = await realNode({ tag: "tpa3", slotCidr: "10.231.12.0/24" });
    const { sandboxes } = node;
    await sandboxes.create(createRequest("idisk", SIZE));
    await node.run("idisk", `${TICKER}; echo kept > /root/kept`);
    expect((await sandboxes.pause({ sandboxId: "idisk", buildId: build(1), filesystemOnly: true })).memoryBytes).toBe(
      0n,
    );
    expect(await sandboxes.create(resumed("idisk", build(1)))).not.toHaveProperty("filesystemBootApplied", true);
    const ran = await node.run("idisk", KEPT);
    expect(ran.stdout).toBe("kept\ngone\n");
    await node.run("idisk", TICKER);
    await sandboxes.pause({ sandboxId: "idisk", buildId: build(2) });
    const answer = await sandboxes.create(resumed("idisk", build(2), { filesystemBoot: true }));
    expect(answer.filesystemBootApplied).toBe(true);
    expect((await node.run("idisk", KEPT)).stdout).toBe("kept\ngone\n");
  }, 120_000);

  it("refuses what cannot be saved, and the sandbox and its connections live on", async () => {
    await using node = await realNode({ tag: "tpa4", slotCidr: "10.231.13.0/24" });
    await node.sandboxes.create(createRequest("itraced", SIZE));
    await node.run("itraced", TICKER);
    // A traced process cannot be written down.
    const tracer =
      "import ctypes,os,time\np=int(open('/root/pid').read())\nassert ctypes.CDLL(None).ptrace(16,p,0,0)==0\nos.waitpid(p,0)\nctypes.CDLL(None).ptrace(7,p,0,0)\ntime.sleep(60)";
    await node.run(
      "itraced",
      `cat > /root/t.py <<'E'\n${tracer}\nE\nsetsid python3 /root/t.py >/dev/null 2>&1 & sleep 0.5`,
    );
    const socket = connect(node.proxyPort, "127.0.0.1");
    let cut = false;
    socket.on("close", () => {
      cut = true;
    });
    socket.write("GET /health HTTP/1.1\r\nHost: 49983-itraced.sandlot.test\r\n\r\n");
    await Bun.sleep(100);
    const thrown = await node.sandboxes
      .pause({ sandboxId: "itraced", buildId: build(1) })
      .catch((t) => ConnectError.from(t));
    expect((thrown as ConnectError).code).toBe(Code.FailedPrecondition);
    expect((thrown as ConnectError).rawMessage).toContain("cannot be saved");
    expect((await node.run("itraced", "echo here")).stdout).toBe("here\n");
    expect(cut).toBe(false);
    socket.destroy();
    await node.sandboxes.pause({ sandboxId: "itraced", buildId: build(2), filesystemOnly: true });
    expect(readdirSync(join(node.dir, "artifacts/staging"))).toEqual([]);
    expect(statSync(join(node.dir, "artifacts/builds", build(2), "build.json")).isFile()).toBe(true);
  }, 120_000);

  it("lets go on what has asked the kernel by netlink until it has read the answer, and names what never does", async () => {
    await using node = await realNode({ tag: "tpa5", slotCidr: "10.231.14.0/24" });
    await node.sandboxes.create(createRequest("iasks", SIZE));
    // It asks for all links, and reads the answer only once it has stood still for so many seconds: after a freeze.
    const asker = `import socket, struct, sys, time
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.send(struct.pack("IHHII", 32, 18, 0x301, 1, 0) + bytes(16))
still, last = float(sys.argv[1]), time.monotonic()
while time.monotonic() - last < still:
    last = time.monotonic()
    time.sleep(0.001)
while s.recv(65536)[4:6] != bytes([3, 0]): pass
open("/root/answered", "w").close()
time.sleep(600)
`;
    const start = (seconds: number) =>
      node.run(
        "iasks",
        `cat > /root/a.py <<'E'\n${asker}\nE\nsetsid python3 /root/a.py ${seconds} >/dev/null 2>&1 & sleep 0.5`,
      );
    await start(1_000_000);
    const pause = (n: number) => node.sandboxes.pause({ sandboxId: "iasks", buildId: build(n) });
    const thrown = await pause(1).catch((error) => ConnectError.from(error));
    expect((thrown as ConnectError).code).toBe(Code.FailedPrecondition);
    expect((thrown as ConnectError).rawMessage).toContain("has not read what the kernel sent to its netlink socket");
    await node.run("iasks", "pkill -f a.py; sleep 0.2");
    // A busy host may hold it up for as long: then it is started anew.
    do {
      await node.run("iasks", "rm -f /root/answered");
      await start(0.03);
    } while ((await node.run("iasks", "ls /root/answered || echo not yet")).stdout !== "not yet\n");
    expect((await pause(2)).memoryBytes).toBeGreaterThan(0n);
    await node.sandboxes.create(resumed("iasks", build(2)));
    expect((await node.run("iasks", "ls /root/answered")).stdout).toBe("/root/answered\n");
    await node.sandboxes.delete({ sandboxId: "iasks" });
  }, 120_000);
});
