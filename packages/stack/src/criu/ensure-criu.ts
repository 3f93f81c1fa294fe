/**
 * Gets a CRIU into a prefix of its own, once per machine: Debian's newest with the libraries and the loader it was built
 * for, so that nothing of the host is replaced; else built from the source pinned below.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markOf, readMark, tryRun, writeMark } from "@sandlot/host";
import { writeJson } from "../json-file";
import type { Progress } from "../progress";
import { buildCriu } from "./build-criu";
import { extractCriu } from "./extract-criu";
import {
  CRIU_CACHE,
  CRIU_FLOOR,
  type Criu,
  failureFile,
  findCached,
  findCriu,
  isAtLeast,
  versionOf,
} from "./find-criu";
import { hashTree } from "./hash-tree";

/** Fills a directory with a `root/`; @returns the lines of a shell script that runs CRIU out of it as `$R` */
export type CriuSource = (of: {
  into: string;
  progress: Progress;
  signal?: AbortSignal | undefined;
}) => Promise<string>;

const SOURCES: readonly (readonly [string, CriuSource])[] = [
  ["Debian's packages", extractCriu],
  ["the pinned source", buildCriu],
];

/** For tests: where it goes, and where it comes from. */
type Places = { readonly cache?: string; readonly sources?: typeof SOURCES };

/**
 * Costs a few milliseconds when one is there, else about 4 s and 29 MB. Never fails for want of one: everything but
 * memory pauses works without, and the reason is kept for `status` and `doctor`.
 * @throws the signal's reason when aborted
 */
export async function ensureCriu(
  progress: Progress,
  signal?: AbortSignal,
  { cache = CRIU_CACHE, sources = SOURCES }: Places = {},
): Promise<Criu | undefined> {
  const held = await findCriu(cache);
  if (held !== undefined) return held;
  mkdirSync(cache, { recursive: true });
  clearAbandoned(cache);
  const reasons: string[] = [];
  for (const [name, source] of sources) {
    try {
      const criu = await installFrom(source, { cache, progress, signal });
      progress.say("criu", `${criu.version} from ${name}, in ${criu.path}`);
      rmSync(failureFile(cache), { force: true });
      return criu;
    } catch (thrown) {
      signal?.throwIfAborted();
      reasons.push(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  writeJson(failureFile(cache), { why: reasons.join("; "), at: new Date().toISOString() });
  progress.say("criu", `cannot be had, so pauses keep files and no memory: ${reasons.join("; ")}`);
  return undefined;
}

async function installFrom(
  source: CriuSource,
  of: { cache: string; progress: Progress; signal: AbortSignal | undefined },
): Promise<Criu> {
  const work = join(of.cache, `installing-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { mode: 0o755 });
  try {
    const mine = markOf(process.pid);
    if (mine !== undefined) writeMark(join(work, "installer.json"), mine);
    const script = await source({ into: work, progress: of.progress, signal: of.signal });
    const wrapper = join(work, "criu");
    // By its own directory, so that it runs here for the first look and there ever after; no child process, no cost.
    writeFileSync(wrapper, `#!/bin/sh\nR="\${0%/*}/root"\n${script}\n`);
    chmodSync(wrapper, 0o755);
    const version = await versionOf(wrapper);
    if (version === undefined) throw new Error("what was installed does not run");
    if (!isAtLeast(version, CRIU_FLOOR)) throw new Error(`there is only ${version}, and ${CRIU_FLOOR} is needed`);
    return await publish(of.cache, work, version);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** On disk before it gets its name: a crash leaves a whole one or none. */
async function publish(cache: string, work: string, version: string): Promise<Criu> {
  rmSync(join(work, "installer.json"), { force: true });
  const place = join(cache, `${version}-${await hashTree(work)}`);
  await tryRun(["sync", "-f", work]);
  if (!existsSync(place)) renameSync(work, place);
  const found = findCached(cache);
  if (found === undefined) throw new Error(`${place} is not whole`);
  return found;
}

/** What installers that died left. One that still works is left alone. */
function clearAbandoned(cache: string): void {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith("installing-"))) {
    const work = join(cache, name);
    if (readMark(join(work, "installer.json")) === undefined) rmSync(work, { recursive: true, force: true });
  }
}
