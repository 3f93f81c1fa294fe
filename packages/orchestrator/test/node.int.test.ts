/** The whole node on this host: real machines, real network, its own process. Each test leaves the host as it was. */
import { describe, expect, it } from "bun:test";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRequest } from "./fakes/create-request";
import { type RealNode, realNode, whyNot } from "./real-node";

const reason = whyNot();
if (reason !== undefined) process.stderr.write(`skipped: the node's tests on real machines (${reason})\n`);

const SIZE = { ramMb: 512n, totalDiskSizeMb: 1024n };
const WARM = "11111111-1111-4111-8111-111111111111:2:512:1024";

async function eventually<T>(what: string, look: () => Promise<T | undefined>, withinMs = 40_000): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > untilMs) throw new Error(`it never came: ${what}`);
    await Bun.sleep(50);
  }
}

const listed = async (node: RealNode) =>
  (await node.sandboxes.list({})).sandboxes.map(({ config }) => config?.sandboxId).sort();

function hostPidsOf(tag: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`sandlot-${tag}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe.skipIf(reason !== undefined)("a node on this host", () => {
  it("creates a cold sandbox with its own identity and ends it without a trace", async () => {
    await using node = await realNode({ tag: "tno1", slotCidr: "10.231.0.0/24" });
    await node.sandboxes.create(createRequest("icold", SIZE));
    const ran = await node.run("icold", "echo $E2B_SANDBOX_ID $COLOUR; hostname; whoami");
    expect(ran).toEqual({ stdout: "icold blue\nicold\nroot\n", stderr: "", exitCode: 0 });
    expect((await node.visit("49983-icold.sandlot.test", "/envs")).status).toBe(401);
    await node.sandboxes.delete({ sandboxId: "icold" });
    expect((await node.visit("49983-icold.sandlot.test", "/health")).status).toBe(502);
    // A kill answers when its processes are dead; that they are reaped, and what they stood on cleared, comes a moment later.
    const remains = async (): Promise<string[]> => [
      ...hostPidsOf("tno1").map((pid) => `process ${pid}`),
      ...(await node.residue())
        .map(({ kind, name }) => `${kind} ${name}`)
        .filter((text) => text.includes("/machines/")),
    ];
    for (const untilMs = Date.now() + 30_000; (await remains()).length > 0 && Date.now() < untilMs; )
      await Bun.sleep(20);
    expect(await remains()).toEqual([]);
  }, 120_000);

  it("takes sandboxes and warm machines over after SIGTERM and after kill -9", async () => {
    await using node = await realNode({
      tag: "tno2",
      slotCidr: "10.231.1.0/24",
      env: { WARM_POOL_SIZE: "1", WARM_BUILDS: WARM },
    });
    await eventually("a warm machine", async () =>
      (await node.log()).includes("warm machine ready") ? true : undefined,
    );
    await node.sandboxes.create(createRequest("ilive", { ...SIZE, allowInternetAccess: false }));
    await node.run(
      "ilive",
      "(while :; do echo tick >> /root/ticks; sleep 0.05; done) >/dev/null 2>&1 & echo kept > /root/before",
    );
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await node.stop(signal);
      await node.start();
      expect(await listed(node)).toEqual(["ilive"]);
      const ran = await node.run(
        "ilive",
        "cat /root/before; a=$(wc -l < /root/ticks); sleep 0.3; [ $a -lt $(wc -l < /root/ticks) ] && echo ticks",
      );
      expect(ran.stdout).toBe("kept\nticks\n");
      const refused = await node.run(
        "ilive",
        "timeout 5 bash -c '</dev/tcp/203.0.113.80/443' && echo open || echo closed",
      );
      expect(refused.stdout).toBe("closed\n");
    }
    expect(await node.log()).not.toContain('"level":"error"');
    await node.sandboxes.create(createRequest("iwarm", SIZE));
    expect(await node.log()).toContain('"from":"warm"');
    await node.sandboxes.delete({ sandboxId: "ilive" });
    await node.sandboxes.delete({ sandboxId: "iwarm" });
  }, 180_000);

  it("keeps a sandbox on the guest layer it was made with, and gives the next one the new layer", async () => {
    await using node = await realNode({
      tag: "tno5",
      slotCidr: "10.231.4.0/24",
      env: { WARM_POOL_SIZE: "1", WARM_BUILDS: WARM },
    });
    const layer = (name: string): string => join(node.dir, "artifacts/guest", name);
    const install = async (name: string): Promise<void> => {
      cpSync(node.guestLayer, layer(name), { recursive: true });
      writeFileSync(join(layer(name), "usr/lib/sandlot/mark"), name);
      node.env.GUEST_LAYER_DIR = layer(name);
      await node.stop("SIGTERM");
      const before = (await node.log()).split("warm machine ready").length;
      await node.start();
      await eventually("a new warm machine", async () =>
        (await node.log()).split("warm machine ready").length > before ? true : undefined,
      );
    };
    const markOf = async (sandboxId: string): Promise<string> =>
      (await node.run(sandboxId, "cat /usr/lib/sandlot/mark")).stdout;

    await install("one");
    await node.sandboxes.create(createRequest("ione", SIZE));
    expect(await markOf("ione")).toBe("one");
    await install("two");
    await node.sandboxes.create(createRequest("itwo", SIZE));
    expect([await markOf("ione"), await markOf("itwo")]).toEqual(["one", "two"]);
    expect(await node.log()).toMatch(/"sandboxId":"itwo"[^\n]*"from":"warm"/);
  }, 120_000);

  it("lets no second orchestrator, and no sweep, at what a running one owns", async () => {
    await using node = await realNode({ tag: "tno6", slotCidr: "10.231.5.0/24" });
    await node.sandboxes.create(createRequest("imine", SIZE));
    const second = (env: Record<string, string>, ...words: string[]) =>
      node.tryRun({ GRPC_PORT: "0", PROXY_PORT: "0", ...env }, words);
    const elsewhere = { ORCHESTRATOR_BASE_PATH: join(node.dir, "other") };
    expect(await second({})).toMatchObject({ exitCode: 1, output: expect.stringContaining("another orchestrator") });
    expect((await second(elsewhere)).output).toContain("has the installation tno6");
    expect((await second({ INSTALLATION_TAG: "tno7" })).output).toContain("has the directory");
    expect((await second({}, "sweep", "--all")).exitCode).toBe(1);
    expect((await node.run("imine", "echo here")).stdout).toBe("here\n");
    // Its machines outlive it and hold nothing that a successor needs.
    await node.stop("SIGKILL");
    await node.start();
    expect((await node.run("imine", "echo here")).stdout).toBe("here\n");
  }, 120_000);

  it("kill -9 while sandboxes are being made and ended: what is listed works, what is not is gone", async () => {
    await using node = await realNode({
      tag: "tno3",
      slotCidr: "10.231.2.0/24",
      env: { WARM_POOL_SIZE: "1", WARM_BUILDS: WARM },
    });
    for (const [round, afterMs] of [5, 40, 90, 160, 300, 500].entries()) {
      const ids = [0, 1, 2].map((index) => `ik${round}x${index}`);
      const calls = ids.map((id) => node.sandboxes.create(createRequest(id, SIZE)).catch(() => undefined));
      for (const id of await listed(node))
        if (id !== undefined)
          calls.push(
            node.sandboxes.delete({ sandboxId: id }).then(
              () => undefined,
              () => undefined,
            ),
          );
      await Bun.sleep(afterMs);
      await node.stop("SIGKILL");
      await Promise.all(calls);
      await node.start();
      for (const id of await listed(node)) expect((await node.run(id ?? "", "echo fine")).stdout).toBe("fine\n");
    }
    for (const id of await listed(node)) await node.sandboxes.delete({ sandboxId: id ?? "" });
    await node.stop("SIGTERM");
    await node.sweep();
    expect(await node.residue()).toEqual([]);
    await node.start();
  }, 240_000);

  it("gives an envd killed inside its token again, and drops a sandbox whose machine dies", async () => {
    await using node = await realNode({ tag: "tno4", slotCidr: "10.231.3.0/24" });
    await node.sandboxes.create(createRequest("ienvd", SIZE));
    const killEnvd =
      "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */sandlot/envd) kill -9 ${p#/proc/};; esac; done";
    await node.run("ienvd", killEnvd).catch(() => undefined);
    const ran = await eventually("a command after the restart", () => node.run("ienvd", "echo $COLOUR"));
    expect(ran.stdout).toBe("blue\n");
    expect((await node.visit("49983-ienvd.sandlot.test", "/envs")).status).toBe(401);
    expect(await node.log()).toContain("envd was restarted");
    // PID 1 of the guest, seen from the host: the machine's end.
    const init = hostPidsOf("tno4").find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8") === "init\0");
    expect(init).toBeGreaterThan(1);
    process.kill(init ?? 0, "SIGKILL");
    await eventually("the sandbox's end", async () => ((await listed(node)).length === 0 ? true : undefined));
    await eventually("no process", async () => (hostPidsOf("tno4").length === 0 ? true : undefined));
    expect((await node.visit("49983-ienvd.sandlot.test", "/health")).status).toBe(502);
    expect(join(node.dir, "node")).toContain("sandlot-node-");
  }, 120_000);
});
