import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { limits } from "./limits";
import { QemuMachine } from "./machine";

const GREETING = '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22}}}}\n';

describe(QemuMachine, () => {
  let dir: string;
  let asked: string[];
  let agentCalls: number;
  let hangsUp: boolean;
  let servers: Server[];
  let machine: QemuMachine | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "machine-"));
    asked = [];
    agentCalls = 0;
    hangsUp = true;
    servers = [];
    await Promise.all([playMonitor(), playAgent()]);
  });
  afterEach(async () => {
    machine?.leave();
    for (const server of servers) server.close();
    await rm(dir, { recursive: true });
  });

  async function listenAt(name: string, server: Server): Promise<void> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(join(dir, name), resolve));
  }

  /** QEMU, whose machine runs. */
  const playMonitor = () =>
    listenAt(
      "qmp.sock",
      createServer((socket) => {
        socket.on("error", () => undefined);
        socket.write(GREETING);
        socket.on("data", (bytes) => {
          for (const line of bytes.toString().trim().split("\n")) {
            const { execute, id } = JSON.parse(line) as { execute: string; id: number };
            asked.push(execute);
            socket.write(`{"return":{"status":"running"},"id":${id}}\n`);
          }
        });
      }),
    );

  /** A guest whose agent is gone: whoever calls is hung up on, or never answered. */
  const playAgent = () =>
    listenAt(
      "agent.sock",
      createServer((socket) => {
        agentCalls += 1;
        socket.on("error", () => undefined);
        socket.on("data", () => undefined);
        if (hangsUp) socket.destroy();
      }),
    );

  function machineOf(mayBeHeld: boolean): QemuMachine {
    const never = () => Promise.reject(new Error("not here"));
    machine = new QemuMachine({
      record: {
        ...{ version: 1, machineId: "m", buildId: "b", slot: null, hostname: "m", layers: [], guestLayerDir: dir },
        ...{ hostBootId: "", limits: { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 }, uid: 1, tscKHz: 1 },
        ...{ acceleration: "tcg", cpuModel: "", kernel: { version: "", sha256: "" }, tree: "", diskChain: [] },
        layerImages: [],
      },
      dir,
      vmm: { pid: process.pid, startTime: "" },
      cgroups: { v2: undefined, v1: [], memory: dir, pids: dir, freezer: undefined, cpuAccount: undefined },
      clock: systemClock,
      mayBeHeld,
      seal: never,
      remove: never,
    });
    return machine;
  }

  it("undoes a freeze that the agent never heard of without asking it again, and stops nothing", async () => {
    const one = machineOf(false);
    await expect(one.freeze()).rejects.toMatchObject({ code: expect.stringMatching(/^microvm_agent_/) });
    const callsOfFreeze = agentCalls;
    await one.thaw();
    expect(agentCalls).toBe(callsOfFreeze);
    expect(asked).not.toContain("stop");
    expect(asked.at(-1)).toBe("cont");
  });

  it("leaves a guest that does not answer alone for a while, so that freezes and ends need not wait for it", async () => {
    hangsUp = false;
    const one = machineOf(false);
    const read = () => one.readOutput({ fromByte: 7, maxBytes: 1 });
    const nothing = { bytes: new Uint8Array(), sizeBytes: 0 };
    const startMs = performance.now();
    expect(await read()).toEqual(nothing);
    expect(performance.now() - startMs).toBeWithin(limits.figuresHelloMs - 100, limits.figuresHelloMs + 2_000);
    expect(await Promise.all([read(), read()])).toEqual([nothing, nothing]);
    expect(agentCalls).toBe(1);
  }, 20_000);

  it("has the agent let go what somebody else may have frozen", async () => {
    await expect(machineOf(true).thaw()).rejects.toMatchObject({ code: expect.stringMatching(/^microvm_agent_/) });
    expect(agentCalls).toBeGreaterThan(0);
  });
});
