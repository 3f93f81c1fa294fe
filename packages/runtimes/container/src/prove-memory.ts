/**
 * Whether this CRIU really works on this kernel, shown by sealing a machine that holds a TCP connection and bringing it up
 * again: `criu check` passes with versions that then fail. A proof holds until CRIU, kernel or launcher change.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import type { ContainerRuntimeConfig } from "./config";
import { limits } from "./limits";
import type { ContainerMachine } from "./machine";
import type { StartRequest } from "./runtime";
import { SEAL_FORMAT } from "./seal-format";

type Prover = {
  readonly config: ContainerRuntimeConfig;
  readonly criuPath: string;
  readonly start: (request: StartRequest) => Promise<ContainerMachine>;
  readonly signal: AbortSignal;
};

const CONNECTED_GAP_MS = 2;

/** @returns why memory cannot be sealed and what cures it; undefined when it can */
export async function proveMemorySeals(of: Prover): Promise<string | undefined> {
  const notePath = join(of.config.nodeDir, "criu-proof");
  const key = await keyOf(of).catch(() => undefined);
  if (key === undefined) return `${of.criuPath} is missing: run ./sandlot up to install CRIU`;
  if ((await readFile(notePath, "utf8").catch(() => "")) === key) return undefined;
  const directory = join(of.config.nodeDir, "criu-trial");
  try {
    await rm(directory, { recursive: true, force: true });
    await forgetCriuCaches(of.config.nodeDir);
    await mkdir(directory, { mode: 0o755 });
    await tryOnce(of, directory);
  } catch (thrown) {
    of.signal.throwIfAborted();
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return `CRIU does not work on kernel ${release()}: ${reason}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await writeFile(`${notePath}.new`, key);
  await rename(`${notePath}.new`, notePath);
  return undefined;
}

/** What CRIU learned of the kernel is of one boot and one CRIU. */
export const CRIU_CACHE_PREFIX = "criu-cache-";

async function forgetCriuCaches(nodeDir: string): Promise<void> {
  const names = (await readdir(nodeDir)).filter((name) => name.startsWith(CRIU_CACHE_PREFIX));
  await Promise.all(names.map((name) => rm(join(nodeDir, name), { force: true })));
}

async function keyOf({ config, criuPath }: Prover): Promise<string> {
  const files = await Promise.all([criuPath, config.launcherPath].map((path) => stat(path)));
  const versions = files.map(({ size, mtimeMs }) => `${size} ${mtimeMs}`);
  return createHash("sha256")
    .update(JSON.stringify([SEAL_FORMAT, criuPath, release(), ...versions]))
    .digest("hex");
}

async function tryOnce(of: Prover, directory: string): Promise<void> {
  const request: StartRequest = {
    machineId: `probe-${randomUUID()}`,
    build: { buildId: "probe", layers: [] }, // the guest layer alone is enough for PID 1
    limits: { cpuCount: 1, memoryMiB: 64, diskMiB: 64, pidsMax: 32 },
    slot: null,
    hostname: "probe",
    initArgument: "hold-connection",
  };
  const first = await of.start(request);
  let memory: Awaited<ReturnType<ContainerMachine["seal"]>>["memory"];
  try {
    const bound = AbortSignal.any([of.signal, AbortSignal.timeout(limits.proofMs)]);
    await untilConnected(first.initPid, bound);
    await first.freeze();
    memory = (await first.seal({ directory, memory: true }, bound)).memory;
  } finally {
    await first.end();
  }
  if (memory === undefined) throw new Error("no memory was sealed");
  const second = await of.start({
    ...request,
    machineId: `probe-${randomUUID()}`,
    build: { buildId: "probe", layers: [{ kind: "erofs", path: join(directory, "disk.erofs") }] },
    restore: { directory: join(directory, "memory"), memory, identity: "new" },
  });
  try {
    process.kill(second.initPid, "SIGTERM");
    const late = Bun.sleep(limits.proofMs).then(() => undefined);
    const end = await Promise.race([second.ended, late]);
    if (end?.exitCode !== 0) throw new Error(`a connection did not go on (${end?.exitCode ?? "no answer"})`);
  } finally {
    await second.end();
  }
}

/** Sealed in the middle of connecting it would lose the connection, and wait for it for ever: on a busy host that is long enough. */
async function untilConnected(initPid: number, signal: AbortSignal): Promise<void> {
  while (!holdsConnection(await readFile(`/proc/${initPid}/net/tcp`, "utf8"))) await sleep(CONNECTED_GAP_MS, signal);
}

/** @param tcp as /proc/<pid>/net/tcp has it; one side of the connection has two bytes that nobody has read */
export function holdsConnection(tcp: string): boolean {
  return /^\s*\d+: \S+ \S+ 01 [0-9A-F]{8}:00000002 /m.test(tcp);
}
