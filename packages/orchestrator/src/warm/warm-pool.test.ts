import { describe, expect, it, setSystemTime } from "bun:test";
import { silentLogger } from "@sandlot/telemetry";
import { createRequest } from "../../test/fakes/create-request";
import { eventually } from "../../test/fakes/eventually";
import { FakeSlots } from "../../test/fakes/slots";
import { BUILD, tempNode } from "../../test/fakes/temp-node";
import type { NodeEvents } from "../events";
import { nodeFaults } from "../faults";
import type { Journal } from "../journal/journal";
import { limits } from "../limits";
import { oneRuntime } from "../runtimes/runtimes";
import { parseCreate } from "../sandboxes/parse-create";
import { startNode } from "../start-node";
import { WarmPool } from "./warm-pool";

const SHAPE = { runtime: "container" as const, buildId: BUILD, cpuCount: 2, memoryMiB: 512, diskMiB: 1024 };

async function warmNode(size: number) {
  const temp = tempNode();
  const runtime = temp.runtime();
  const slots = new FakeSlots();
  const start = async () =>
    startNode(
      { ...temp.config, warmPoolSize: size, warmBuilds: [SHAPE] },
      {
        ...{ logger: silentLogger, runtimes: oneRuntime(runtime), slots, artifacts: await temp.openArtifacts() },
        cutTraffic: () => undefined,
      },
    );
  let node = await start();
  return {
    runtime,
    slots,
    get warm() {
      return node.warm;
    },
    get sandboxes() {
      return node.parts.sandboxes;
    },
    make: (id: string) => node.parts.sandboxes.create(parseCreate(createRequest(id), 0)),
    async restart(between: () => Promise<void> = async () => undefined) {
      await node[Symbol.asyncDispose]();
      await between();
      node = await start();
    },
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      for (const machine of [...runtime.machines.values()]) await machine.end();
      temp[Symbol.dispose]();
    },
  };
}

describe(WarmPool, () => {
  it("keeps pinned builds ready and frozen, hands one over thawed, and makes another", async () => {
    await using node = await warmNode(2);
    await eventually(() => node.warm.readyCount === 2);
    await eventually(() => [...node.runtime.machines.values()].every((machine) => machine.frozen));
    await node.make("i1");
    const claimed = node.sandboxes.find("i1")?.guest.machineId ?? "";
    expect(node.runtime.machines.get(claimed)?.frozen).toBe(false);
    expect(node.runtime.machines.get(claimed)?.envd.inits.filter(({ body }) => "sandboxId" in body)).toHaveLength(1);
    await eventually(() => node.warm.readyCount === 2);
    expect(node.runtime.started).toBe(3);
  }, 60_000);

  it("does not freeze a machine that was claimed before it had settled", async () => {
    await using node = await warmNode(1);
    await eventually(() => node.warm.readyCount === 1);
    await node.make("i1");
    await Bun.sleep(4_500);
    const claimed = node.sandboxes.find("i1")?.guest.machineId ?? "";
    expect(node.runtime.machines.get(claimed)?.frozen).toBe(false);
  }, 60_000);

  it("never hands out a machine that has died, and replaces it", async () => {
    await using node = await warmNode(1);
    await eventually(() => node.warm.readyCount === 1);
    const dead = node.runtime.only;
    await dead.die({ exitCode: 1, outOfMemory: false });
    await node.make("i1");
    expect(node.sandboxes.find("i1")?.guest.machineId).not.toBe(dead.machineId);
    await eventually(() => node.warm.readyCount === 1);
  });

  it("falls back to the next machine when one refuses its identity", async () => {
    await using node = await warmNode(1);
    await eventually(() => node.warm.readyCount === 1);
    const bad = node.runtime.only;
    await fetch(`http://${bad.address}:49983/init`, {
      method: "POST",
      body: JSON.stringify({ accessToken: "foreign" }),
    });
    await node.make("i1");
    expect(node.sandboxes.find("i1")?.guest.machineId).not.toBe(bad.machineId);
    await eventually(() => !node.runtime.machines.has(bad.machineId));
  });

  it("takes frozen machines over after a restart and discards the silent ones", async () => {
    await using node = await warmNode(2);
    await eventually(() => node.warm.readyCount === 2);
    const [good, silent] = [...node.runtime.machines.values()];
    await node.restart(async () => silent?.envd.stop());
    expect(node.runtime.machines.has(good?.machineId ?? "")).toBe(true);
    await eventually(() => good?.frozen === true);
    expect(node.runtime.machines.has(silent?.machineId ?? "")).toBe(false);
    await eventually(() => node.warm.readyCount === 2);
    expect(node.slots.out.size).toBe(2);
  }, 60_000);

  it("does not try again and again for a build that is gone, unless it is a pinned one", async () => {
    const gone = { ...SHAPE, buildId: "22222222-2222-4222-8222-222222222222" };
    const tried: string[] = [];
    let failed = 0;
    const never = () => {
      throw new Error("nothing was made");
    };
    await using pool = new WarmPool(
      { size: 1, pinned: [SHAPE] },
      {
        journal: { setMachineState: never } as unknown as Journal,
        events: { warmFailed: () => (failed += 1) } as unknown as NodeEvents,
        start: async ({ buildId }) => {
          tried.push(buildId);
          throw nodeFaults.files_missing({ buildId });
        },
        weigh: async () => 0,
        discard: never,
        isBusy: () => false,
        availableBytes: async () => 2 ** 40,
      },
    );
    try {
      pool.start();
      await pool.claim(gone);
      await eventually(() => failed === 2);
      setSystemTime(Date.now() + limits.warmRetryMs + 1);
      pool.kick();
      await eventually(() => failed === 3);
      expect(tried.sort()).toEqual([BUILD, BUILD, gone.buildId]);
      expect(await pool.claim(gone)).toBeUndefined();
      await eventually(() => tried.length === 4);
    } finally {
      setSystemTime();
    }
  });
});
