/** A node without machines: keeps what it is told, over real gRPC, and can be made to fail. */
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { InfoService, ServiceInfoRole, ServiceInfoStatus } from "@sandlot/contracts/info";
import {
  type RunningSandbox,
  RunningSandboxSchema,
  type SandboxCreateRequest,
  type SandboxLogLine,
  type SandboxSample,
  SandboxService,
} from "@sandlot/contracts/orchestrator";
import { sleep } from "@sandlot/lifetime";
import { type FakeBuilder, fakeBuilder } from "./fake-builder";

export type FakeNode = AsyncDisposable & {
  readonly address: string;
  readonly running: Map<string, RunningSandbox>;
  readonly ended: { sandboxId: string; reason: string | undefined; atMs: number }[];
  readonly created: SandboxCreateRequest[];
  /** Thrown by the next creates, in order. */
  readonly refusals: ConnectError[];
  createDelayMs: number;
  /** What it has sealed, by build. */
  readonly sealed: Map<string, { sandboxId: string; isPause: boolean; filesystemOnly: boolean; executionId: string }>;
  /** Thrown by the next pauses and checkpoints, in order. */
  readonly sealRefusals: ConnectError[];
  readonly deletedBuilds: string[];
  sealDelayMs: number;
  /** What it is sealing now, by build. */
  readonly sealing: ReadonlyMap<string, Promise<void>>;
  /** Whether it confirms a boot from the disk alone. */
  bootsFromDisk: boolean;
  /** Why it saves no memory; empty when it does. */
  memoryProblem: string;
  /** What it offers beside containers; they save their memory. */
  microVms: { name: string; problems?: string[] }[];
  status: ServiceInfoStatus;
  /** What Observe hands out, all of it every time: who asks must bear hearing a thing again. */
  readonly samples: SandboxSample[];
  readonly lines: SandboxLogLine[];
  readonly templates: FakeBuilder;
};

export async function startFakeNode(nodeId = "node-1"): Promise<FakeNode> {
  const running = new Map<string, RunningSandbox>();
  const ended: FakeNode["ended"] = [];
  const created: SandboxCreateRequest[] = [];
  const refusals: ConnectError[] = [];
  const samples: SandboxSample[] = [];
  const lines: SandboxLogLine[] = [];
  const templates = fakeBuilder();
  const runId = crypto.randomUUID();
  const knobs = {
    createDelayMs: 0,
    sealDelayMs: 0,
    bootsFromDisk: true,
    status: ServiceInfoStatus.Healthy,
    memoryProblem: "",
    microVms: [] as FakeNode["microVms"],
  };
  const sealed: FakeNode["sealed"] = new Map();
  const sealRefusals: ConnectError[] = [];
  const deletedBuilds: string[] = [];
  const sealing = new Map<string, Promise<void>>();
  /** As the real one: the same build id again is the same seal, also while it is under way and when the sandbox is gone. */
  const seal = async (buildId: string, sandboxId: string, isPause: boolean, filesystemOnly: boolean): Promise<void> => {
    if (sealed.has(buildId)) return;
    const work = async (): Promise<void> => {
      const found = need(sandboxId);
      const refusal = sealRefusals.shift();
      if (refusal !== undefined) throw refusal;
      await sleep(knobs.sealDelayMs);
      sealed.set(buildId, { sandboxId, isPause, filesystemOnly, executionId: found.config?.executionId ?? "" });
      if (isPause) running.delete(sandboxId);
    };
    const mine = sealing.get(buildId) ?? work().finally(() => sealing.delete(buildId));
    sealing.set(buildId, mine);
    await mine;
  };
  const need = (sandboxId: string): RunningSandbox => {
    const found = running.get(sandboxId);
    if (found === undefined) throw new ConnectError("not on this node", Code.NotFound);
    return found;
  };
  const routes = (router: ConnectRouter): void => {
    router.service(InfoService, {
      serviceInfo: () => ({
        nodeId,
        serviceId: "fake",
        serviceStatus: knobs.status,
        serviceRoles: [ServiceInfoRole.TemplateBuilder, ServiceInfoRole.Orchestrator],
        memorySnapshots: knobs.memoryProblem === "",
        memorySnapshotsProblem: knobs.memoryProblem,
        runtime: "container",
        runtimes: knobs.microVms.length === 0 ? [] : offeredRuntimes(knobs),
        metricCpuCount: 8n,
        metricSandboxesRunning: BigInt(running.size),
      }),
      serviceStatusOverride({ serviceStatus }) {
        knobs.status = serviceStatus;
        return {};
      },
    });
    router.service(SandboxService, {
      async create(request) {
        created.push(request);
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        await sleep(knobs.createDelayMs);
        const { sandbox: config, startTime, endTime, filesystemBoot } = request;
        const isSealedHere = sealed.has(config?.buildId ?? "");
        if (config?.snapshot === true && !isSealedHere) {
          throw new ConnectError("the build's files are not here", Code.FailedPrecondition);
        }
        if (config === undefined) throw new ConnectError("no config", Code.InvalidArgument);
        const listed = { config, ...(startTime && { startTime }), ...(endTime && { endTime }) };
        if (!running.has(config.sandboxId)) running.set(config.sandboxId, create(RunningSandboxSchema, listed));
        return filesystemBoot === true && knobs.bootsFromDisk ? { filesystemBootApplied: true } : {};
      },
      listEgress({ sandboxId, limit }) {
        need(sandboxId);
        const flow = {
          protocol: "tls",
          host: "a.test",
          address: "198.51.100.7",
          port: 443,
          verdict: "denied",
          reason: "denied_cidr",
        };
        return {
          isProxied: true,
          flows: limit > 0 ? [{ ...flow, at: timestampFromMs(Date.now()), sentBytes: 1n }] : [],
        };
      },
      observe: () => ({ runId, next: 1n, newest: 1n, samples, lines }),
      list: () => ({ sandboxes: [...running.values()] }),
      update({ sandboxId, endTime, egress }) {
        const found = need(sandboxId);
        if (endTime !== undefined) found.endTime = endTime;
        if (egress !== undefined && found.config?.network !== undefined) found.config.network.egress = egress;
        return {};
      },
      async pause({ sandboxId, buildId, filesystemOnly }) {
        await seal(buildId, sandboxId, true, filesystemOnly);
        return { diskBytes: 4096n, memoryBytes: filesystemOnly ? 0n : 8192n };
      },
      async checkpoint({ sandboxId, buildId }) {
        await seal(buildId, sandboxId, false, false);
        return { diskBytes: 4096n, memoryBytes: 8192n };
      },
      deleteBuilds({ buildIds }) {
        for (const buildId of buildIds) sealed.delete(buildId);
        deletedBuilds.push(...buildIds);
        return {};
      },
      delete({ sandboxId, killReason }) {
        need(sandboxId);
        running.delete(sandboxId);
        ended.push({ sandboxId, reason: killReason, atMs: Date.now() });
        return {};
      },
    });
  };
  const withTemplates = (router: ConnectRouter): void => {
    routes(router);
    templates.serve(router);
  };
  const server = createServer(connectNodeAdapter({ routes: withTemplates }));
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(knobs, {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ running, ended, created, refusals, samples, lines, templates, sealed, sealing, sealRefusals, deletedBuilds },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  });
}

/** As a node says it that has been asked for virtual machines too. */
function offeredRuntimes({ microVms, memoryProblem }: Pick<FakeNode, "microVms" | "memoryProblem">) {
  const saves = { memorySnapshots: memoryProblem === "", memorySnapshotsProblem: memoryProblem };
  const machines = microVms.map((one) => ({
    ...{ problems: [], isolation: "a kernel of its own", acceleration: "tcg", kernelVersion: "6.1.0-9", probed: true },
    ...{ memorySnapshots: true, memorySnapshotsProblem: "" },
    ...one,
  }));
  return [{ name: "container", isolation: "shared kernel", ...saves }, ...machines];
}
