/** The executables of this checkout: built when a source changed, not otherwise. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stackFaults } from "./faults";
import { watchCommand } from "./host/commands";
import { readJson, writeJson } from "./json-file";
import { holdLock } from "./lock";
import { CHECKOUT, DIST } from "./paths";
import type { Progress } from "./progress";

/** What must be there for the stamp to count. */
const PRODUCTS = [
  "api",
  "client-proxy",
  "code-interpreter/usr/lib/sandlot-code-interpreter/code-interpreter",
  "docker-reverse-proxy",
  "orchestrator",
  "launcher",
  "vm-init",
  "vm-launcher",
  "vm-memory.so",
  "guest-layer/usr/lib/sandlot/init",
  "guest-layer/usr/lib/sandlot/envd",
];
const SOURCES = ["packages", "apps", "spec", "bun.lock", "package.json", "tsconfig.json"];
const SKIPPED = new Set(["node_modules", "dist", "test", "tests"]);

/** Recipes run one after another: each uses all cores for a second or two. @throws Fault `stack_build_failed` */
export async function ensureDist(progress: Progress, signal?: AbortSignal): Promise<void> {
  mkdirSync(DIST, { recursive: true });
  const stamp = join(DIST, ".stamp.json");
  const hash = hashSources();
  if (isBuilt(stamp, hash)) return;
  using _lock = holdLock({ lock: join(DIST, ".lock.json"), dataDir: DIST });
  if (isBuilt(stamp, hash)) return;
  for (const recipe of recipes()) {
    const startMs = performance.now();
    const ended = await watchCommand({ argv: [process.execPath, recipe], cwd: CHECKOUT, env: buildEnv(), signal });
    if (ended.exitCode !== 0) throw stackFaults.build_failed({ recipe, output: ended.tail });
    progress.say("build", `${recipe} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
  }
  const missing = PRODUCTS.filter((name) => !existsSync(join(DIST, name)));
  if (missing.length > 0)
    throw stackFaults.build_failed({ recipe: "the build", output: `it made no ${missing.join(", ")}` });
  writeJson(stamp, { hash });
}

function isBuilt(stamp: string, hash: string): boolean {
  return readJson(stamp)?.hash === hash && PRODUCTS.every((name) => existsSync(join(DIST, name)));
}

/** `<app>/build.ts` of every app that has one, and the runtimes' C programs. */
export function recipes(): string[] {
  const apps = readdirSync(join(CHECKOUT, "apps")).map((name) => `apps/${name}/build.ts`);
  const runtimes = ["container", "microvm", "qemu"].map((name) => `packages/runtimes/${name}/build.ts`);
  return [...apps, ...runtimes].filter((path) => existsSync(join(CHECKOUT, path)));
}

function buildEnv(): Record<string, string> {
  return {
    PATH: `${join(CHECKOUT, "node_modules/.bin")}:${process.env.PATH ?? ""}`,
    HOME: process.env.HOME ?? "/root",
  };
}

/** Of names and contents; some 500 small files, 30 ms. Tests do not count. */
export function hashSources(root = CHECKOUT, entries: readonly string[] = SOURCES): string {
  const hash = createHash("sha256").update(process.versions.bun ?? "");
  for (const path of entries.flatMap((entry) => filesBelow(join(root, entry))).sort()) {
    hash.update(relative(root, path)).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return [path];
  }
  return entries.flatMap((entry) => {
    if (SKIPPED.has(entry.name) || entry.name.startsWith(".") || /\.test\.tsx?$/.test(entry.name)) return [];
    const below = join(path, entry.name);
    return entry.isDirectory() ? filesBelow(below) : entry.isFile() ? [below] : [];
  });
}
