/** The CRIU that memory pauses use: which one this machine has. Reads only. */
import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "@sandlot/host";
import { readJson } from "../json-file";
import { MACHINE_CACHE } from "../paths";

/** Older ones fail on kernels from 6.13 (vdso) or 6.16 on (socket options). */
export const CRIU_FLOOR = "4.2.1";

/** `<version>-<hash>` below it, each whole or not there at all. */
export const CRIU_CACHE = join(MACHINE_CACHE, "criu");
/** Why the last try to install one failed; gone when one is there. */
export const failureFile = (cache: string): string => join(cache, "failure.json");

export type Criu = {
  readonly path: string;
  readonly version: string;
  readonly origin: "private prefix" | "this host's own";
};

/** The newest that is new enough: ours before the host's own. */
export async function findCriu(cache: string = CRIU_CACHE): Promise<Criu | undefined> {
  return findCached(cache) ?? (await findOnHost());
}

/** Pure but for reading the directory. */
export function findCached(cache: string): Criu | undefined {
  return list(cache)
    .flatMap((name): Criu[] => {
      const version = /^(\d+(?:\.\d+)*)-[0-9a-f]{12}$/.exec(name)?.[1];
      const path = join(cache, name, "criu");
      if (version === undefined || !isAtLeast(version, CRIU_FLOOR) || !isExecutable(path)) return [];
      return [{ path, version, origin: "private prefix" }];
    })
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

async function findOnHost(): Promise<Criu | undefined> {
  const path = Bun.which("criu");
  if (path === null) return undefined;
  const version = await versionOf(path);
  return version !== undefined && isAtLeast(version, CRIU_FLOOR)
    ? { path, version, origin: "this host's own" }
    : undefined;
}

/** What the program itself says it is; undefined when it does not run. */
export async function versionOf(path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await tryRun([path, "--version"]);
  return exitCode === 0 ? /^Version: (\d+(?:\.\d+)*)/m.exec(stdout)?.[1] : undefined;
}

/** Why there is none, as the last `up` found it. */
export function lastFailure(cache: string = CRIU_CACHE): string | undefined {
  const why = readJson(failureFile(cache))?.why;
  return typeof why === "string" ? why : undefined;
}

export function isAtLeast(version: string, floor: string): boolean {
  return compareVersions(version, floor) >= 0;
}

function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
