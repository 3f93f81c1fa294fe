/** What Firecracker wrote of a memory, turned into the files of a seal: `memory`, and pages changed since as `memory-diff`. */
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SealedFile } from "@sandlot/runtime-contract";
import { isThere } from "@sandlot/runtime-host";
import {
  applyDiff,
  beginBase,
  DiffFile,
  linkOrNot,
  openPages,
  PAGE_BYTES,
  type PageRun,
  type PageTarget,
  storedBytesOf,
  writeDiff,
} from "@sandlot/runtime-microvm";
import { dataRunsOf, FileTarget, uniteRuns } from "../disks/file-pages";
import { limits } from "../limits";

export const BASE_NAME = "memory";
export const DIFF_NAME = "memory-diff";
export const STATE_NAME = "device-state";
export const ABOUT_NAME = "machine.json";
const NOTE_NAME = "base.json";

/** A whole memory: only what is not zero takes room. */
export async function writeFull(of: { from: string; to: string }, signal: AbortSignal): Promise<void> {
  const totalBytes = (await stat(of.from)).size;
  await copyPages({ from: of.from, runs: dataRunsIn(of.from, totalBytes), totalBytes, to: of.to }, signal);
}

/**
 * `from` holds data where pages have changed since the last seal. What had changed before, since the base, is added to it, so
 * that one diff on the base is always enough. The base is linked; when it lies on another file system, or the diff has grown
 * long, a whole memory is written.
 * @param of.last directory with the base, and the diff if there was one, of the last seal
 */
export async function writeChanges(
  of: { from: string; last: string; to: string },
  signal: AbortSignal,
): Promise<"whole" | "diff"> {
  const totalBytes = (await stat(of.from)).size;
  const below = join(of.last, BASE_NAME);
  const fresh = dataRunsIn(of.from, totalBytes);
  const earlier = join(of.last, DIFF_NAME);
  let runs = fresh;
  if (await isThere(earlier)) {
    runs = uniteRuns(fresh, indexOf(earlier));
    using file = new FileTarget({ path: of.from, totalBytes, isFresh: false });
    await applyDiff({ path: earlier, target: keepingOut(file, fresh), totalBytes }, signal);
  }
  const changedBytes = runs.reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES;
  const isLong = changedBytes > storedBytesOf(below) * limits.largestDiffShare;
  if (isLong || !(await linkOrNot(below, join(of.to, BASE_NAME)))) {
    await copyPages({ from: of.from, runs, totalBytes, to: of.to, below }, signal);
    return "whole";
  }
  using source = openPages(of.from);
  await writeDiff({ path: join(of.to, DIFF_NAME), source, runs, totalBytes }, signal);
  return "diff";
}

async function copyPages(
  of: { from: string; runs: readonly PageRun[]; totalBytes: number; to: string; below?: string },
  signal: AbortSignal,
): Promise<void> {
  using source = openPages(of.from);
  const { runs, totalBytes } = of;
  const below = of.below === undefined ? {} : { below: of.below };
  const begun = await beginBase({ path: join(of.to, BASE_NAME), source, runs, totalBytes, ...below }, signal);
  await begun.finish(signal);
}

/** One file out of base and diff: what Firecracker can map. */
export async function composeMemory(of: { directory: string; draft: string }, signal: AbortSignal): Promise<void> {
  const base = join(of.directory, BASE_NAME);
  const totalBytes = (await stat(base)).size;
  using source = openPages(base);
  const runs = dataRunsIn(base, totalBytes);
  const begun = await beginBase({ path: of.draft, source, runs, totalBytes }, signal);
  await begun.finish(signal);
  using target = new FileTarget({ path: of.draft, totalBytes, isFresh: false });
  await applyDiff({ path: join(of.directory, DIFF_NAME), target, totalBytes }, signal);
}

/** Remembers a seal's memory as what the next one's changes are told against; the files may go from where they are. */
export async function rememberSealed(of: { from: string; to: string; base: SealedFile }): Promise<void> {
  await rm(of.to, { recursive: true, force: true });
  const draft = `${of.to}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  // On another file system there is no link, and so nothing is remembered: the next seal writes everything.
  if (!(await linkOrNot(join(of.from, BASE_NAME), join(draft, BASE_NAME)))) return;
  const hasDiff = await isThere(join(of.from, DIFF_NAME));
  if (hasDiff && !(await linkOrNot(join(of.from, DIFF_NAME), join(draft, DIFF_NAME)))) return;
  await writeFile(join(draft, NOTE_NAME), JSON.stringify(of.base));
  await rename(draft, of.to);
}

/** The checksum of a base that was linked: made once, when it was written. */
export async function rememberedBase(dir: string): Promise<SealedFile> {
  return JSON.parse(await readFile(join(dir, NOTE_NAME), "utf8")) as SealedFile;
}

function dataRunsIn(path: string, totalBytes: number): PageRun[] {
  const file = openSync(path, "r");
  try {
    return dataRunsOf(file, totalBytes);
  } finally {
    closeSync(file);
  }
}

function indexOf(path: string): readonly PageRun[] {
  using diff = new DiffFile(path);
  return diff.index.runs;
}

/** Takes all pages but those in `runs`, given in order. */
function keepingOut(target: PageTarget, runs: readonly PageRun[]): PageTarget {
  let at = 0;
  return {
    writePages(from, offsetBytes) {
      for (let done = 0; done < from.length; done += PAGE_BYTES) {
        const page = (offsetBytes + done) / PAGE_BYTES;
        while (endOf(runs[at]) <= page) at += 1;
        if (page < (runs[at]?.firstPage ?? Number.POSITIVE_INFINITY))
          target.writePages(from.subarray(done, done + PAGE_BYTES), offsetBytes + done);
      }
    },
  };
}

function endOf(run: PageRun | undefined): number {
  return run === undefined ? Number.POSITIVE_INFINITY : run.firstPage + run.pages;
}
