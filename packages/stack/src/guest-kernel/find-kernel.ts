/** The kernels that virtual machines boot: which ones this machine has. Reads only. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "../json-file";
import { MACHINE_CACHE } from "../paths";

/** `<version>-<hash>` below it, each whole or not there at all. Side by side: sealed memory is good for its own only. */
export const KERNEL_CACHE = join(MACHINE_CACHE, "kernels");
/** Why the last try to get one failed; gone when one is there. */
export const kernelFailureFile = (cache: string): string => join(cache, "failure.json");

export type FoundKernel = {
  readonly directory: string;
  /** As `uname -r` has it in a guest. */
  readonly version: string;
  readonly sha256: string;
};

/** All of them, the newest version first. */
export function listKernels(cache: string = KERNEL_CACHE): FoundKernel[] {
  return list(cache)
    .flatMap((name): FoundKernel[] => {
      const directory = join(cache, name);
      const note = /-[0-9a-f]{12}$/.test(name) ? readJson(join(directory, "kernel.json")) : undefined;
      if (typeof note?.version !== "string" || typeof note.sha256 !== "string") return [];
      return [{ directory, version: note.version, sha256: note.sha256 }];
    })
    .sort((a, b) => compareVersions(b.version, a.version));
}

/** Why there is none, as the last `up` found it. */
export function lastKernelFailure(cache: string = KERNEL_CACHE): string | undefined {
  const why = readJson(kernelFailureFile(cache))?.why;
  return typeof why === "string" ? why : undefined;
}

/** By all the numbers in it: `6.1.0-56-cloud-amd64` is newer than `6.1.0-9-cloud-amd64`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

const numbersOf = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
