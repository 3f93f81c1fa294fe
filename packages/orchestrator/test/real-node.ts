/**
 * The node as its own process, with the real runtime, network and envd. Needs root, `dist/` with launcher and guest
 * layer, and SANDLOT_TEST_BASE_EROFS: an image of a Debian root.
 */
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { basename, join } from "node:path";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { Process } from "@sandlot/contracts/envd/process";
import { InfoService } from "@sandlot/contracts/info";
import { SandboxService } from "@sandlot/contracts/orchestrator";
import { findResidue, freePortRun } from "@sandlot/host";
import { BUILD } from "./fakes/temp-node";

const ROOT = join(import.meta.dir, "../../..");
const BASE = process.env.SANDLOT_TEST_BASE_EROFS ?? "";
const DIST = process.env.SANDLOT_TEST_DIST ?? join(ROOT, "dist");
const CRIU = process.env.SANDLOT_TEST_CRIU ?? "";
const NEEDED = [BASE, join(DIST, "launcher"), join(DIST, "guest-layer/usr/lib/sandlot/envd")];

/** Whether machines can be saved with their memory. */
export const hasCriu = CRIU !== "" && existsSync(CRIU);

/** Why these tests cannot run here, or undefined. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  const missing = NEEDED.filter((path) => path === "" || !existsSync(path));
  return missing.length === 0
    ? undefined
    : `missing: ${missing.map((path) => path || "SANDLOT_TEST_BASE_EROFS").join(", ")}`;
}

export type RealNode = Awaited<ReturnType<typeof realNode>>;

/** The node's doors open one after another. */
async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function realNode(of: { tag: string; slotCidr: string; env?: Record<string, string> }) {
  const dir = mkdtempSync("/var/tmp/sandlot-node-");
  mkdirSync(join(dir, "artifacts/builds", BUILD), { recursive: true });
  mkdirSync(join(dir, "artifacts/layers"), { recursive: true });
  mkdirSync(join(dir, "artifacts/guest"), { recursive: true });
  // Named by its content, as in an installation.
  symlinkSync(BASE, join(dir, "artifacts/layers", basename(BASE)));
  // Where memory may name it.
  const guestLayer = join(dir, "artifacts/guest/now");
  cpSync(join(DIST, "guest-layer"), guestLayer, { recursive: true });
  const record = { version: 1, buildId: BUILD, layers: [`layers/${basename(BASE)}`], user: "root", workdir: "/root" };
  writeFileSync(join(dir, "artifacts/builds", BUILD, "build.json"), JSON.stringify(record));
  // It is killed and started again on them.
  const grpcPort = await freePortRun(2);
  const proxyPort = grpcPort + 1;
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    GRPC_PORT: String(grpcPort),
    PROXY_PORT: String(proxyPort),
    NODE_ID: "node1",
    ORCHESTRATOR_BASE_PATH: join(dir, "node"),
    LOCAL_TEMPLATE_STORAGE_BASE_PATH: join(dir, "artifacts"),
    GUEST_LAYER_DIR: guestLayer,
    CRIU_PATH: CRIU,
    EGRESS_CA_FILE: join(dir, "egress-ca.pem"),
    LAUNCHER_PATH: join(DIST, "launcher"),
    INSTALLATION_TAG: of.tag,
    SLOT_CIDR: of.slotCidr,
    SLOT_POOL_SIZE: "4",
    UPPER_POOL_SIZE: "4",
    WARM_POOL_SIZE: "0",
    LOG_LEVEL: "debug",
    ...of.env,
  };
  const logPath = join(dir, "orchestrator.log");
  let child: Bun.Subprocess | undefined;

  async function start(): Promise<void> {
    const log = Bun.file(logPath);
    const before = (await log.exists()) ? await log.text() : "";
    const out = Bun.spawn(
      ["bash", "-c", `exec "$0" "$1" >> "$2" 2>&1`, process.execPath, join(ROOT, "apps/orchestrator/main.ts"), logPath],
      { env },
    );
    child = out;
    const untilMs = Date.now() + 30_000;
    while (!(await isHealthy())) {
      if (out.exitCode !== null || Date.now() > untilMs) {
        const text = (await log.text()).slice(before.length);
        throw new Error(`the node did not start: ${text.slice(-3000)}`);
      }
      await Bun.sleep(20);
    }
  }
  async function isHealthy(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${proxyPort}/health`, { keepalive: false }).catch(() => undefined);
    return answer?.status === 200 && (await isOpen(grpcPort));
  }
  async function stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    child?.kill(signal);
    await child?.exited;
  }
  async function sweep(): Promise<string> {
    const run = Bun.spawn([process.execPath, join(ROOT, "apps/orchestrator/main.ts"), "sweep", "--all"], {
      env: { ...env, LOG_LEVEL: "warn" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const text = (await new Response(run.stdout).text()) + (await new Response(run.stderr).text());
    if ((await run.exited) !== 0) throw new Error(`sweep failed: ${text}`);
    return text;
  }
  /** The same program beside the running one, with some of its environment changed. */
  async function tryRun(change: Record<string, string>, words: readonly string[]) {
    const child = Bun.spawn([process.execPath, join(ROOT, "apps/orchestrator/main.ts"), ...words], {
      env: { ...env, ...change },
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    const texts = [new Response(child.stdout).text(), new Response(child.stderr).text()];
    const [output, exitCode] = await Promise.all([Promise.all(texts), child.exited]);
    return { output: output.join(""), exitCode };
  }
  const transport = () => createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}` });
  await start();
  return {
    dir,
    proxyPort,
    grpcPort,
    start,
    stop,
    /** Until the node dies by itself. */
    died: async () => void (await child?.exited),
    sweep,
    tryRun,
    /** Read at the next start. */
    env,
    guestLayer: join(DIST, "guest-layer"),
    /** New connections each time, since the node is killed between. */
    get sandboxes() {
      return createClient(SandboxService, transport());
    },
    get info() {
      return createClient(InfoService, transport());
    },
    log: () => Bun.file(logPath).text(),
    residue: () => findResidue({ tag: of.tag, dataDir: dir }),
    visit: (host: string, path = "/", init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${proxyPort}${path}`, {
        ...init,
        headers: { ...(init.headers as Record<string, string>), Host: host },
        keepalive: false,
      }),
    run: (sandboxId: string, script: string, token = "token-1") => run({ proxyPort, sandboxId, script, token }),
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      await sweep();
      const left = await findResidue({ tag: of.tag, dataDir: dir });
      rmSync(dir, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`left on the host: ${JSON.stringify(left)}`);
    },
  };
}

/** Runs a shell line in a sandbox through the node's proxy, as a client would. */
async function run(of: { proxyPort: number; sandboxId: string; script: string; token: string }) {
  const route: Interceptor = (next) => (request) => {
    request.header.set("E2b-Sandbox-Id", of.sandboxId);
    request.header.set("E2b-Sandbox-Port", "49983");
    request.header.set("X-Access-Token", of.token);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: `http://127.0.0.1:${of.proxyPort}`,
    httpVersion: "1.1",
    interceptors: [route],
  });
  const outcome = { stdout: "", stderr: "", exitCode: -1 };
  const decoder = new TextDecoder();
  const command = { cmd: "/bin/bash", args: ["-c", of.script] };
  for await (const { event } of createClient(Process, transport).start({ process: command })) {
    if (event?.event.case === "data") {
      const { output } = event.event.value;
      if (output.case === "stdout") outcome.stdout += decoder.decode(output.value);
      if (output.case === "stderr") outcome.stderr += decoder.decode(output.value);
    }
    if (event?.event.case === "end") outcome.exitCode = event.event.value.exitCode;
  }
  return outcome;
}
