/** How fast this host's time stamp counter runs: an emulated guest has the same one, and no timer to find it out by. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = `
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>
int main(void) {
    struct timespec a, b, rest = {.tv_nsec = 100000000};
    clock_gettime(CLOCK_MONOTONIC_RAW, &a);
    unsigned long long from = __rdtsc();
    nanosleep(&rest, 0);
    clock_gettime(CLOCK_MONOTONIC_RAW, &b);
    unsigned long long to = __rdtsc();
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    printf("%.0f", (double)(to - from) / ms);
}`;

let known: number | undefined;

export function hostTscKHz(): number {
  known ??= measure();
  return known;
}

function measure(): number {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-tsc-"));
  try {
    writeFileSync(join(dir, "tsc.c"), SOURCE);
    const built = Bun.spawnSync(["gcc", "-O1", "-o", join(dir, "tsc"), join(dir, "tsc.c")]);
    if (built.exitCode !== 0) throw new Error(String(built.stderr));
    return Number(Bun.spawnSync([join(dir, "tsc")]).stdout.toString());
  } finally {
    rmSync(dir, { recursive: true });
  }
}
