/** The node behind its two doors: a real gRPC client on one, HTTP on the other. Runtime, slots and envd are fakes. */
import { describe, expect, it } from "bun:test";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InfoService, ServiceInfoStatus } from "@sandlot/contracts/info";
import { SandboxService } from "@sandlot/contracts/orchestrator";
import { silentLogger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../src/config";
import { Health } from "../src/routes/grpc-health";
import { oneRuntime } from "../src/runtimes/runtimes";
import { startOrchestrator } from "../src/start";
import { createRequest } from "./fakes/create-request";
import { FakeSlots } from "./fakes/slots";
import { tempNode } from "./fakes/temp-node";

async function service(change: Partial<OrchestratorConfig> = {}) {
  const temp = tempNode();
  const runtime = temp.runtime();
  const slots = new FakeSlots();
  const started = await startOrchestrator(
    { ...temp.config, ...change },
    { logger: silentLogger, host: { runtimes: oneRuntime(runtime), slots, artifacts: await temp.openArtifacts() } },
  );
  const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${started.grpcPort}` });
  return {
    runtime,
    slots,
    ...started,
    sandboxes: createClient(SandboxService, transport),
    info: createClient(InfoService, transport),
    health: createClient(Health, transport) as unknown as { check: (of: object) => Promise<{ status: number }> },
    visit: (host: string, path = "/") =>
      fetch(`http://127.0.0.1:${started.proxyPort}${path}`, { headers: { Host: host }, keepalive: false }),
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      for (const machine of [...runtime.machines.values()]) await machine.end();
      temp[Symbol.dispose]();
    },
  };
}

const codeOf = (thrown: unknown): Code => ConnectError.from(thrown).code;

describe("the node's gRPC door", () => {
  it("creates, lists, updates and deletes", async () => {
    await using it = await service();
    const made = await it.sandboxes.create(createRequest("i1"));
    expect(made.clientId).toBe("node1");
    await it.sandboxes.update({ sandboxId: "i1", endTime: timestampFromMs(3_000_000) });
    const { sandboxes } = await it.sandboxes.list({});
    expect(sandboxes).toHaveLength(1);
    expect(sandboxes[0]?.config).toMatchObject({ sandboxId: "i1", teamId: "team1", metadata: { owner: "tests" } });
    expect(sandboxes[0]?.endTime && timestampMs(sandboxes[0].endTime)).toBe(3_000_000);
    await it.sandboxes.delete({ sandboxId: "i1", killReason: "request" });
    expect((await it.sandboxes.list({})).sandboxes).toEqual([]);
    expect(it.runtime.machines.size).toBe(0);
  });

  it("answers with the wire's codes", async () => {
    await using it = await service({ maxSandboxes: 1 });
    const failed = (call: Promise<unknown>) => call.then(() => undefined, codeOf);
    expect(await failed(it.sandboxes.create(createRequest("i1", { buildId: "nope" })))).toBe(Code.FailedPrecondition);
    expect(await failed(it.sandboxes.create(createRequest("../../x")))).toBe(Code.InvalidArgument);
    expect(await failed(it.sandboxes.create(createRequest("i1", { buildId: "../../etc" })))).toBe(
      Code.FailedPrecondition,
    );
    expect(await failed(it.sandboxes.create(createRequest("i1", { vcpu: 0n })))).toBe(Code.InvalidArgument);
    expect(await failed(it.sandboxes.delete({ sandboxId: "i1" }))).toBe(Code.NotFound);
    expect(await failed(it.sandboxes.update({ sandboxId: "i1" }))).toBe(Code.NotFound);
    await it.sandboxes.create(createRequest("i1"));
    expect(await failed(it.sandboxes.create(createRequest("i2")))).toBe(Code.ResourceExhausted);
  });

  it("starts nothing on a disk below its watermark, and keeps what runs", async () => {
    await using it = await service({ diskReserveMiB: 999_999_999 });
    const refused = await it.sandboxes
      .create(createRequest("i1"))
      .catch((thrown: unknown) => ConnectError.from(thrown));
    expect(refused).toMatchObject({ code: Code.ResourceExhausted });
    expect((refused as ConnectError).rawMessage).toContain("MiB are free");
    expect((await it.sandboxes.list({})).sandboxes).toEqual([]);
  });

  it("finishes a start whose caller has hung up", async () => {
    await using it = await service();
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    it.runtime.onStart = () => {
      started.resolve();
      return go.promise;
    };
    const stop = new AbortController();
    const made = it.sandboxes.create(createRequest("i1"), { signal: stop.signal }).catch(codeOf);
    await started.promise;
    stop.abort();
    expect(await made).toBe(Code.Canceled);
    const again = it.sandboxes.create(createRequest("i1"));
    go.resolve();
    await again;
    expect(it.runtime.started).toBe(1);
  });

  it("takes hundreds of calls at once on one connection", async () => {
    await using it = await service({ maxSandboxes: 250 });
    it.runtime.onStart = () => Bun.sleep(1);
    const ids = Array.from({ length: 250 }, (_, index) => `i${index}`);
    await Promise.all(ids.map((id) => it.sandboxes.create(createRequest(id))));
    expect((await it.sandboxes.list({})).sandboxes).toHaveLength(250);
    await Promise.all(ids.map((sandboxId) => it.sandboxes.delete({ sandboxId })));
    expect(it.runtime.machines.size).toBe(0);
  }, 60_000);

  it("tells about itself, and takes nothing new while draining", async () => {
    await using it = await service();
    await it.sandboxes.create(createRequest("i1"));
    const info = await it.info.serviceInfo({});
    expect(info).toMatchObject({
      nodeId: "node1",
      runtime: "container",
      runtimes: [{ name: "container", acceleration: "", kernelVersion: "", memorySnapshots: true }],
      serviceStatus: ServiceInfoStatus.Healthy,
      metricSandboxesRunning: 1n,
      metricAllocatedCpu: 2n,
      metricAllocatedMemoryBytes: 512n * 1024n * 1024n,
    });
    expect(info.metricMemoryTotalBytes).toBeGreaterThan(info.metricMemoryUsedBytes);
    expect(info.metricDiskTotalBytes).toBeGreaterThan(0n);
    expect((await it.health.check({})).status).toBe(1);
    await it.info.serviceStatusOverride({ serviceStatus: ServiceInfoStatus.Draining });
    expect(await it.sandboxes.create(createRequest("i2")).catch(codeOf)).toBe(Code.Unavailable);
    expect((await it.health.check({})).status).toBe(2);
    expect((await it.visit("node", "/health")).status).toBe(503);
    expect((await it.visit("49983-i1.sandlot.test", "/health")).status).toBe(204); // what runs, runs on
  });
});

describe("the node's proxy door", () => {
  it("reaches a sandbox by name and answers 502 from the moment it is killed", async () => {
    await using it = await service();
    await it.sandboxes.create(createRequest("i1"));
    expect((await it.visit("49983-i1.sandlot.test", "/health")).status).toBe(204);
    expect((await it.visit("49983-i1.sandlot.test", "/init")).status).toBe(404);
    await it.sandboxes.delete({ sandboxId: "i1" });
    const gone = await it.visit("49983-i1.sandlot.test", "/health");
    expect(gone.status).toBe(502);
    expect(await gone.json()).toEqual({ sandboxId: "i1", message: "The sandbox was not found", code: 502 });
  });

  it("cuts what is open when a sandbox is killed, and whoever asks again at once hears that it is gone", async () => {
    await using it = await service();
    await it.sandboxes.create(createRequest("i1"));
    const { address } = it.runtime.only;
    using endless = Bun.serve({
      hostname: address,
      port: 3000,
      idleTimeout: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              controller.enqueue("tick\n");
              await Bun.sleep(5);
            },
          }),
        ),
    });
    expect(endless.port).toBe(3000);
    const answer = await it.visit("3000-i1.sandlot.test");
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const cut = (async () => {
      for (;;) {
        const read = await reader.read().catch(() => "cut" as const);
        if (read === "cut" || read.done) return read === "cut";
      }
    })();
    // The machine takes its time to go; neither the cut nor the 502 may wait for it.
    const held = Promise.withResolvers<void>();
    const machine = it.runtime.only;
    const end = machine.end.bind(machine);
    machine.end = async () => {
      await held.promise;
      await end();
    };
    const deleting = it.sandboxes.delete({ sandboxId: "i1" });
    expect(await cut).toBe(true);
    expect((await it.visit("3000-i1.sandlot.test")).status).toBe(502);
    held.resolve();
    await deleting;
  });
});
