/** In-process stand-ins for runtime, slots and envd. Machines outlive the node that made them, as real ones do. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Secret } from "@sandlot/config";
import { type SandboxConfigSchema, SandboxCreateRequestSchema } from "@sandlot/contracts/orchestrator";
import type { Slot } from "@sandlot/network";
import {
  type Machine,
  type MachineEnd,
  machineFaults,
  type Runtime,
  type RuntimeCapabilities,
  type RuntimeFacts,
  type RuntimeProbe,
  type Seal,
  type SealedFile,
  type SealRequest,
  type StartMachine,
} from "@sandlot/runtime-contract";
import { type ArtifactStore, openArtifactStore } from "@sandlot/storage";
import type { OrchestratorConfig } from "../src/config";
import type { NodeSlots, SandboxEgress } from "../src/egress/node-slots";

export const ENVD_PORT = 49_983;

/** What of a daemon is in its memory. */
export type FakeMemory = { token: string | undefined; envs: Record<string, string> };

export type FakeEnvd = {
  /** Answers nothing, and keeps what it is asked, until thawed. */
  frozen: PromiseWithResolvers<void> | undefined;
  inits: { body: Record<string, unknown>; status: number }[];
  token: string | undefined;
  envs: Record<string, string>;
  /** The daemon dies and PID 1 starts it anew, without identity. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** Behind a door of its own, since a restart must close every connection, also one that never asked anything. */
async function startFakeEnvd(address: string, memory?: FakeMemory): Promise<FakeEnvd> {
  const state: FakeMemory = memory ?? { token: undefined, envs: {} };
  const open = new Set<Socket>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      await envd.frozen?.promise;
      const { status, body } = answer(request, text);
      return new Response(body ?? null, { status, headers: { "content-type": "application/json" } });
    },
  });
  let door: Server | undefined;
  async function serve(): Promise<void> {
    door = createServer((socket) => {
      const inner = connect(server.port ?? 0, "127.0.0.1");
      for (const end of [socket, inner]) {
        open.add(end);
        end.on("error", () => undefined);
        end.on("close", () => {
          open.delete(end);
          socket.destroy();
          inner.destroy();
        });
      }
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => door?.listen(ENVD_PORT, address, resolve));
  }
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => (door === undefined ? resolve() : door.close(() => resolve())));
    for (const socket of open) socket.destroy();
    await closed;
    door = undefined;
  }
  function answer(request: Request, text: string): { status: number; body?: string } {
    const { pathname: path } = new URL(request.url);
    if (path === "/health") return { status: 204 };
    if (path === "/init") {
      const body = JSON.parse(text) as Record<string, unknown>;
      const shown = [body.accessToken, request.headers.get("x-access-token")];
      const status = state.token !== undefined && !shown.includes(state.token) ? 401 : 204;
      envd.inits.push({ body, status });
      if (status === 204) {
        state.token = body.accessToken as string | undefined;
        const envs = (body.envVars as Record<string, string> | undefined) ?? state.envs;
        state.envs = { ...envs, E2B_SANDBOX_ID: String(body.sandboxId) };
      }
      return { status };
    }
    if (state.token !== undefined && request.headers.get("x-access-token") !== state.token) return { status: 401 };
    if (path === "/envs") return { status: 200, body: JSON.stringify(state.envs) };
    return { status: 200, body: JSON.stringify({ host: request.headers.get("host"), path }) };
  }
  const envd: FakeEnvd = {
    frozen: undefined,
    inits: [],
    get token() {
      return state.token;
    },
    get envs() {
      return state.envs;
    },
    async restart() {
      await stop();
      state.token = undefined;
      state.envs = {};
      await Bun.sleep(30);
      await serve();
    },
    async stop() {
      await stop();
      await server.stop(true);
    },
  };
  await serve();
  return envd;
}

export class FakeMachine implements Machine {
  readonly machineId: string;
  readonly address: string;
  readonly layers: Machine["layers"];
  readonly guestLayerDir: string;
  readonly envd: FakeEnvd;
  readonly request: StartMachine;
  /** Called as a seal begins; throw to fail it, wait to slow it down. */
  onSeal: (request: SealRequest, signal: AbortSignal) => Promise<void> = async () => undefined;
  /** Called before its processes run on. */
  onThaw: () => void = () => undefined;
  readonly #end = Promise.withResolvers<MachineEnd>();
  readonly ended = this.#end.promise;
  readonly #gone: () => void;
  readonly #runtime: Runtime["name"];
  #over = false;
  constructor(
    request: StartMachine,
    envd: FakeEnvd,
    of: Pick<FakeRuntime, "name" | "guestLayerDir">,
    gone: () => void,
  ) {
    this.machineId = request.machineId;
    this.address = request.slot.address;
    this.layers = request.build.layers;
    this.guestLayerDir = request.guestLayerDir ?? of.guestLayerDir;
    this.#runtime = of.name;
    this.request = request;
    this.envd = envd;
    this.#gone = gone;
  }
  get frozen(): boolean {
    return this.envd.frozen !== undefined;
  }
  async freeze(): Promise<void> {
    this.envd.frozen ??= Promise.withResolvers();
  }
  async thaw(): Promise<void> {
    if (this.#over) throw new Error("it has ended");
    if (this.frozen) this.onThaw();
    this.envd.frozen?.resolve();
    this.envd.frozen = undefined;
  }
  async seal(request: SealRequest, signal: AbortSignal): Promise<Seal> {
    if (!this.frozen) throw new Error("it must be frozen");
    await this.onSeal(request, signal);
    signal.throwIfAborted();
    const write = (name: string, text: string): SealedFile => {
      writeFileSync(join(request.directory, name), text);
      const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
      return { name: name.replace("memory/", ""), sizeBytes: text.length, sha256 };
    };
    await request.onWritten?.();
    const kind = this.#runtime === "container" ? "erofs" : "qcow2";
    const layer = { kind, ...write(`disk.${kind}`, crypto.randomUUID()) } as const;
    if (!request.memory) return { layer };
    mkdirSync(join(request.directory, "memory"));
    const { token, envs } = this.envd;
    const file = write("memory/pages.json", JSON.stringify({ token, envs }));
    return { layer, memory: { runtime: this.#runtime, format: "fake-1", files: [file] } };
  }
  async stats() {
    return {
      cpuUsedMicros: 0,
      memoryUsedBytes: 1_000_000,
      memoryCacheBytes: 0,
      memoryLimitBytes: 0,
      diskUsedBytes: 0,
      diskLimitBytes: 0,
      pids: 1,
    };
  }
  output = "";
  async readOutput(of: { fromByte: number; maxBytes: number }) {
    const all = new TextEncoder().encode(this.output);
    return { bytes: all.subarray(of.fromByte, of.fromByte + of.maxBytes), sizeBytes: all.length };
  }
  async kill(): Promise<void> {
    await this.end();
  }
  async end(): Promise<void> {
    await this.die({ exitCode: 137, outOfMemory: false });
  }
  async die(end: MachineEnd): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.envd.stop();
    this.#gone();
    this.#end.resolve(end);
  }
}

export class FakeRuntime implements Runtime {
  readonly name: Runtime["name"];
  readonly facts: RuntimeFacts;
  capabilities: RuntimeCapabilities = {
    memorySnapshots: true,
    filesystemSnapshots: true,
    diskLimit: true,
    nestedContainers: false,
    hardwareIsolation: false,
  };
  /** Machines that are restored say theirs themselves. */
  guestLayerDir = "/guest";
  readonly machines = new Map<string, FakeMachine>();
  readonly swept: ReadonlySet<string>[] = [];
  started = 0;
  /** Called before each start; throw to fail it, wait to slow it down. */
  onStart: (request: StartMachine, signal: AbortSignal) => Promise<void> = async () => undefined;

  constructor(name: Runtime["name"] = "container") {
    this.name = name;
    this.facts = name === "container" ? {} : { acceleration: "tcg", kernel: "6.1.0-test" };
  }
  async probe(): Promise<RuntimeProbe> {
    return { usable: true, problems: [], notes: [] };
  }
  async start(request: StartMachine, signal: AbortSignal): Promise<FakeMachine> {
    this.started += 1;
    await this.onStart(request, signal);
    signal.throwIfAborted();
    const { restore } = request;
    if (this.name === "container" && request.build.layers.some(({ kind }) => kind === "qcow2"))
      throw new Error("a container cannot read a virtual machine's disk");
    if (restore !== undefined && (restore.memory.format !== "fake-1" || restore.memory.runtime !== this.name))
      throw machineFaults.seal_unreadable({ reason: `format ${restore.memory.format}` });
    const memory = restore && JSON.parse(readFileSync(join(restore.directory, "pages.json"), "utf8"));
    const envd = await startFakeEnvd(request.slot.address, memory);
    const machine = new FakeMachine(request, envd, this, () => this.machines.delete(request.machineId));
    this.machines.set(machine.machineId, machine);
    return machine;
  }
  async list(): Promise<Machine[]> {
    return [...this.machines.values()];
  }
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    this.swept.push(keep);
    for (const machine of [...this.machines.values()]) if (!keep.has(machine.machineId)) await machine.end();
  }
  get only(): FakeMachine {
    const [machine, ...others] = this.machines.values();
    if (machine === undefined || others.length > 0)
      throw new Error(`there are ${this.machines.size} machines, not one`);
    return machine;
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

let nets = 0;

export const EGRESS_CA = "-----BEGIN CERTIFICATE-----\negress\n-----END CERTIFICATE-----\n";

export class FakeSlots implements NodeSlots {
  /** Other processes run such tests at the same time: each has its own second octet, each pool of slots its third. */
  readonly #net = `127.${(process.pid % 235) + 20}.${nets++ % 250}`;
  readonly out = new Set<number>();
  readonly egress = new Map<number, SandboxEgress>();
  #next = 1;
  failEgress: Error | undefined;

  async lease(): Promise<Slot> {
    const index = this.#next++;
    this.out.add(index);
    return this.#slot(index);
  }
  async adopt(index: number): Promise<Slot> {
    this.out.add(index);
    this.#next = Math.max(this.#next, index + 1);
    return this.#slot(index);
  }
  async applyEgress(slot: Slot, policy: SandboxEgress): Promise<void> {
    if (this.failEgress !== undefined) throw this.failEgress;
    this.egress.set(slot.index, policy);
  }
  async release(slot: Slot): Promise<void> {
    this.out.delete(slot.index);
    this.egress.delete(slot.index);
  }
  async sweep(keep: ReadonlySet<number>): Promise<void> {
    for (const index of this.out) if (!keep.has(index)) this.out.delete(index);
  }
  async removeAll(): Promise<void> {
    this.out.clear();
  }
  readonly egressCa = EGRESS_CA;
  flows() {
    return { isProxied: false, flows: [] };
  }
  counts() {
    return { ready: 0, leased: this.out.size };
  }
  async [Symbol.asyncDispose](): Promise<void> {}

  /** Every address of 127/8 is this host's own, so each fake guest gets one. */
  #slot(index: number): Slot {
    return {
      index,
      leaseId: index,
      netnsPath: `/fake/${index}`,
      address: `${this.#net}.${index + 1}`,
      guestCidr: "169.254.0.21/30",
      guestGateway: "169.254.0.22",
      hostLink: "guest0",
      mtu: 1400,
    };
  }
}

/** Of no bytes. */
export const LAYER = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
export const BUILD = "11111111-1111-4111-8111-111111111111";

/** A data directory with one sealed build in it. */
export function tempNode(): Disposable & {
  config: OrchestratorConfig;
  dir: string;
  openArtifacts: () => Promise<ArtifactStore>;
  runtime: (name?: Runtime["name"]) => FakeRuntime;
} {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-node-"));
  mkdirSync(join(dir, "artifacts/builds", BUILD), { recursive: true });
  mkdirSync(join(dir, "artifacts/layers"), { recursive: true });
  mkdirSync(join(dir, "artifacts/guest/now"), { recursive: true });
  writeFileSync(join(dir, `artifacts/layers/${LAYER}.erofs`), "");
  writeFileSync(
    join(dir, "artifacts/builds", BUILD, "build.json"),
    JSON.stringify({
      version: 1,
      buildId: BUILD,
      layers: [`layers/${LAYER}.erofs`],
      user: "user",
      workdir: "/home/user",
      envdVersion: "0.6.13",
    }),
  );
  const config: OrchestratorConfig = {
    listenHost: "127.0.0.1",
    grpcPort: 0,
    proxyPort: 0,
    nodeId: "node1",
    nodeIp: "127.0.0.1",
    basePath: join(dir, "node"),
    artifactsPath: join(dir, "artifacts"),
    guestLayerDir: join(dir, "artifacts/guest/now"),
    launcherPath: "/nowhere",
    installationTag: "test",
    slotCidr: "10.12.0.0/16",
    slotPoolSize: 0,
    upperPoolSize: 0,
    warmPoolSize: 0,
    warmBuilds: [],
    resumeCacheSize: 8,
    maxSandboxes: 200,
    connectionsPerSandbox: 4_096,
    dnsUpstreams: [],
    guestCaFile: undefined,
    guestProxy: { http: undefined, https: undefined, none: undefined },
    storage: {
      templates: undefined,
      buildCache: { kind: "local", directory: join(dir, "build-cache") },
    },
    egress: {
      authorityFile: join(dir, "egress-ca.pem"),
      controlAddress: undefined,
      nodeToken: new Secret(""),
      allowsPlainHttpRules: false,
      throttle: { flows: 8192, newFlowsPerSecond: 0, kibPerSecond: 0 },
    },
    criuPath: undefined,
    lxcfsDir: undefined,
    diskReserveMiB: 0,
    runtimes: ["container"],
    microVm: undefined,
    firecrackerVersionsFile: "/nowhere",
    runtimeForce: [],
    logLevel: "silent",
    crashAt: undefined,
    services: ["orchestrator"],
    buildsAtOnce: 1,
    imageMirrors: [],
  };
  const runtime = (name?: Runtime["name"]): FakeRuntime => {
    const made = new FakeRuntime(name);
    made.guestLayerDir = config.guestLayerDir;
    return made;
  };
  const openArtifacts = () =>
    openArtifactStore({ directory: config.artifactsPath, nowMs: () => Date.now() + 3_600_000 });
  return { config, dir, openArtifacts, runtime, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

export function createRequest(
  sandboxId: string,
  change: MessageInitShape<typeof SandboxConfigSchema> = {},
  more: { filesystemBoot?: boolean } = {},
) {
  return create(SandboxCreateRequestSchema, {
    sandbox: {
      sandboxId,
      templateId: "template1",
      baseTemplateId: "template1",
      buildId: BUILD,
      teamId: "team1",
      executionId: `x-${sandboxId}`,
      vcpu: 2n,
      ramMb: 512n,
      totalDiskSizeMb: 1024n,
      envdAccessToken: "token-1",
      envVars: { COLOUR: "blue" },
      metadata: { owner: "tests" },
      ...change,
    } as MessageInitShape<typeof SandboxConfigSchema>,
    startTime: timestampFromMs(1_000_000),
    endTime: timestampFromMs(2_000_000),
    ...more,
  });
}

/** Waits until `holds` does. */
export async function eventually(holds: () => boolean, withinMs = 5_000): Promise<void> {
  const untilMs = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error("it never came to hold");
    await Bun.sleep(5);
  }
}
