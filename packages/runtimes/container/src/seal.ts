/** Writes a frozen machine down: its disk as a layer, its processes by CRIU. All in the directory its caller made. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineFaults, type Seal, type SealedFile, type SealRequest } from "@sandlot/runtime-contract";
import { parseLauncherError, syncAndDigest, syncDirectory } from "@sandlot/runtime-host";
import { keepTimersGoing } from "./criu-images";
import { errorsOf, unsealableReason } from "./criu-log";
import { limits } from "./limits";
import { isImageName, PACK_NAME, PACKED_BYTES, packImages, SEAL_FORMAT } from "./seal-format";

export const LAYER_NAME = "disk.erofs";

export type SealTools = {
  readonly launcherPath: string;
  /** Absent: memory cannot be sealed. */
  readonly criu: { readonly path: string; readonly cachePath: string } | undefined;
};

/**
 * The machine is frozen before and after, whatever comes of it. On abort the helper is told to put the machine right first,
 * so this rejects with the signal's reason only once that is done.
 * @throws Fault `machine_unsealable`, `machine_seal_failed`
 */
export async function sealMachine(of: {
  tools: SealTools;
  /** The machine's own directory. */
  dir: string;
  request: SealRequest;
  signal: AbortSignal;
}): Promise<Seal> {
  const { directory, memory } = of.request;
  const memoryDir = join(directory, "memory");
  if (memory) await mkdir(memoryDir, { mode: 0o755 });
  await runSeal(of);
  of.signal.throwIfAborted();
  await of.request.onWritten?.();
  const failed = (thrown: Error): never => {
    throw machineFaults.seal_failed({ reason: thrown.message });
  };
  const [layer, files] = await Promise.all([
    syncAndDigest(join(directory, LAYER_NAME)),
    memory ? finishMemory(memoryDir) : undefined,
  ]).catch(failed);
  await syncDirectory(directory).catch(failed);
  of.signal.throwIfAborted();
  return {
    layer: { kind: "erofs", name: LAYER_NAME, ...layer },
    ...(files === undefined ? {} : { memory: { runtime: "container", format: SEAL_FORMAT, files } }),
  };
}

async function runSeal({ tools, dir, request, signal }: Parameters<typeof sealMachine>[0]): Promise<void> {
  signal.throwIfAborted();
  const args = ["seal", "--config", join(dir, "launch.conf"), "--dir", request.directory];
  args.push("--seconds", String(limits.sealSeconds));
  if (request.memory && tools.criu !== undefined)
    args.push("--criu", tools.criu.path, "--criu-cache", tools.criu.cachePath);
  const child = Bun.spawn([tools.launcherPath, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: {},
    cwd: "/",
    detached: true,
  });
  const stop = (): void => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const [output, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  signal.removeEventListener("abort", stop);
  if (exitCode === 0) return;
  signal.throwIfAborted();
  throw await faultOf({
    output,
    log: request.memory ? join(dir, "seal.log") : undefined,
    directory: request.directory,
  });
}

async function faultOf(of: { output: string; log: string | undefined; directory: string }): Promise<Error> {
  const { stage, reason } = parseLauncherError(of.output);
  const log = of.log === undefined ? "" : await readFile(of.log, "utf8").catch(() => "");
  if (stage === "unsealable") return machineFaults.unsealable({ reason });
  const unsealable = stage === "criu" && !/No space left/.test(log + of.output) ? unsealableReason(log) : undefined;
  if (unsealable !== undefined) return machineFaults.unsealable({ reason: unsealable });
  const said = errorsOf(log).at(0);
  return machineFaults.seal_failed({ reason: `${stage}: ${reason}${said === undefined ? "" : ` (${said})`}` });
}

/** Small images become one file: fewer things to sync, to check and to carry away. */
async function finishMemory(memoryDir: string): Promise<SealedFile[]> {
  const filesPath = join(memoryDir, "files.img");
  await writeFile(filesPath, keepTimersGoing(await readFile(filesPath)));
  const small: string[] = [];
  const large: string[] = [];
  for (const name of (await readdir(memoryDir)).sort()) {
    const path = join(memoryDir, name);
    if (!isImageName(name) || name === "stats-dump") await rm(path, { force: true });
    else if ((await stat(path)).size > PACKED_BYTES) large.push(name);
    else small.push(name);
  }
  const images = await Promise.all(small.map(async (name) => ({ name, bytes: await readFile(join(memoryDir, name)) })));
  await writeFile(join(memoryDir, PACK_NAME), packImages(images), { mode: 0o644 });
  await Promise.all(small.map((name) => rm(join(memoryDir, name))));
  const files = await Promise.all(
    [PACK_NAME, ...large].map(async (name) => ({ name, ...(await syncAndDigest(join(memoryDir, name))) })),
  );
  await syncDirectory(memoryDir);
  return files;
}
