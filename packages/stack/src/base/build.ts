/** Builds the base template's layer, once per machine and recipe. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { markOf, readMark, tryRun, writeMark } from "@sandlot/host";
import { stackFaults } from "../faults";
import { watchCommand } from "../host/commands";
import { readJson, writeJson } from "../json-file";
import { MACHINE_CACHE } from "../paths";
import type { Progress } from "../progress";
import type { BaseRecipe } from "./recipe";

export type SealedBase = { readonly layerPath: string; readonly sha256: string };

/** What may be left out: sandboxes are for programs, and documentation is a third of a small Debian. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"];

/**
 * The sealed layer of this recipe, built if this machine has none yet (about 35 s). Interrupted builds leave nothing that
 * is ever used.
 * @throws Fault `stack_base_failed`; the signal's reason when aborted
 */
export async function ensureBase(recipe: BaseRecipe, progress: Progress, signal?: AbortSignal): Promise<SealedBase> {
  const index = join(MACHINE_CACHE, "base", `${recipe.key}.json`);
  const held = readSealed(index);
  if (held !== undefined) return held;
  mkdirSync(join(MACHINE_CACHE, "base"), { recursive: true });
  mkdirSync(join(MACHINE_CACHE, "layers"), { recursive: true });
  await clearAbandoned();
  const work = join(MACHINE_CACHE, `building-${process.pid}`);
  mkdirSync(work, { mode: 0o755 });
  try {
    const mine = markOf(process.pid);
    if (mine !== undefined) writeMark(join(work, "builder.json"), mine);
    await makeTree(recipe, join(work, "rootfs"), progress, signal);
    const parts = { rootfs: join(work, "rootfs"), image: join(work, "layer.erofs"), key: recipe.key };
    const sealed = await sealTree(parts, progress, signal);
    writeJson(index, {
      version: 1,
      sha256: sealed.sha256,
      recipe: { ...recipe, npmDir: undefined, customize: undefined },
    });
    return sealed;
  } finally {
    await dropTree(work);
  }
}

function readSealed(index: string): SealedBase | undefined {
  const sha256 = readJson(index)?.sha256;
  if (typeof sha256 !== "string") return undefined;
  const layerPath = join(MACHINE_CACHE, "layers", `${sha256}.erofs`);
  return existsSync(layerPath) ? { layerPath, sha256 } : undefined;
}

async function makeTree(recipe: BaseRecipe, rootfs: string, progress: Progress, signal?: AbortSignal): Promise<void> {
  progress.say(
    "base",
    `building Debian ${recipe.suite} with ${recipe.packages.length} packages from ${recipe.sources[0]?.split(" ")[1] ?? "Debian's archive"}`,
  );
  const argv: [string, ...string[]] = [
    "mmdebstrap",
    "--variant=minbase",
    "--mode=root",
    "--format=directory",
    `--include=${recipe.packages.join(",")}`,
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...recipe.aptConf.map((line) => `--aptopt=${line}`),
    `--customize-hook=${recipe.customize} "$1"`,
    recipe.suite,
    rootfs,
    ...recipe.sources,
  ];
  const env = { NPM_DIR: recipe.npmDir, APT_CONF: recipe.aptConf.join("\n"), ...proxies() };
  const onLine = (line: string): void => {
    const stage = /^I: (.*?)\.*$/.exec(line)?.[1];
    if (stage !== undefined && !/correct signed-by|hook in shell|success/.test(stage)) progress.say("base", stage);
  };
  const ended = await watchCommand({ argv, env, onLine, signal });
  if (ended.exitCode !== 0) throw stackFaults.base_failed({ output: ended.tail });
}

/** How programs that fetch reach the archive from here. */
export function proxies(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** After this nothing changes the layer; its name is its content's hash. */
async function sealTree(
  of: { rootfs: string; image: string; key: string },
  progress: Progress,
  signal?: AbortSignal,
): Promise<SealedBase> {
  progress.say("base", "sealing the layer");
  const { image, rootfs } = of;
  const ended = await watchCommand({
    argv: ["mkfs.erofs", "--quiet", "-x1", `-U${uuidOf(of.key)}`, image, rootfs],
    signal,
  });
  if (ended.exitCode !== 0) throw stackFaults.base_failed({ output: `mkfs.erofs: ${ended.tail}` });
  const sha256 = await hashFile(image);
  const layerPath = join(MACHINE_CACHE, "layers", `${sha256}.erofs`);
  renameSync(image, layerPath);
  progress.say("base", `sealed ${Math.round(statSync(layerPath).size / 1024 / 1024)} MiB as ${sha256.slice(0, 12)}`);
  return { layerPath, sha256 };
}

/** The layer's file system id: the same for the same recipe. Without one, overlayfs keeps no index and exports no handles. */
function uuidOf(key: string): string {
  return [key.slice(0, 8), key.slice(8, 12), `8${key.slice(13, 16)}`, `8${key.slice(17, 20)}`, key.slice(20, 32)].join(
    "-",
  );
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Trees of builders that died. One that still works is left alone. */
async function clearAbandoned(): Promise<void> {
  for (const name of readdirSync(MACHINE_CACHE).filter((entry) => entry.startsWith("building-"))) {
    const work = join(MACHINE_CACHE, name);
    if (readMark(join(work, "builder.json")) === undefined) await dropTree(work);
  }
}

/** mmdebstrap mounts below its tree while it works; what a killed one left must go first, or removal would follow it. */
async function dropTree(work: string): Promise<void> {
  const { stdout } = await tryRun(["findmnt", "-rno", "TARGET"]);
  const below = stdout.split("\n").filter((target) => target.startsWith(`${work}/`));
  for (const target of below.reverse()) await tryRun(["umount", "-l", target]);
  rmSync(work, { recursive: true, force: true });
}
