/** GET /metrics: what the machine uses, from /proc and the root file system. */
import { readFileSync, statfsSync } from "node:fs";

export type CpuTimes = { readonly count: number; readonly busy: number; readonly total: number };

/** Answers the share of CPU used since the answer before. */
export function metricsHandler(): () => Response {
  let before = parseCpuTimes(readFileSync("/proc/stat", "utf8"));
  return () => {
    const now = parseCpuTimes(readFileSync("/proc/stat", "utf8"));
    const usedPct = cpuUsedPct(before, now);
    before = now;
    const memory = parseMemory(readFileSync("/proc/meminfo", "utf8"));
    const disk = statfsSync("/");
    return Response.json(
      {
        ts: Math.floor(Date.now() / 1000),
        cpu_count: now.count,
        cpu_used_pct: usedPct,
        mem_total: memory.totalBytes,
        mem_used: memory.usedBytes,
        mem_cache: memory.cacheBytes,
        mem_total_mib: toMiB(memory.totalBytes),
        mem_used_mib: toMiB(memory.usedBytes),
        disk_used: (disk.blocks - disk.bfree) * disk.bsize,
        disk_total: disk.blocks * disk.bsize,
      },
      { headers: { "cache-control": "no-store" } },
    );
  };
}

/** Of /proc/stat: user nice system idle iowait irq softirq steal; guest time is within user time. */
export function parseCpuTimes(text: string): CpuTimes {
  const rows = text.split("\n").map((line) => line.split(/\s+/));
  const all = rows.find((row) => row[0] === "cpu") ?? [];
  const times = all.slice(1, 9).map(Number);
  const total = times.reduce((sum, time) => sum + time, 0);
  const idle = (times[3] ?? 0) + (times[4] ?? 0);
  return { count: rows.filter((row) => /^cpu\d+$/.test(row[0] ?? "")).length, busy: total - idle, total };
}

/** Percent of all CPUs together, two decimals. */
export function cpuUsedPct(before: CpuTimes, now: CpuTimes): number {
  const passed = now.total - before.total;
  if (passed <= 0) return 0;
  const share = Math.min(Math.max((now.busy - before.busy) / passed, 0), 1);
  return Math.round(share * 10_000) / 100;
}

export function parseMemory(text: string): { totalBytes: number; usedBytes: number; cacheBytes: number } {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
  const cacheKiB = kib("Cached") + kib("SReclaimable");
  const usedKiB = Math.max(kib("MemTotal") - kib("MemFree") - kib("Buffers") - cacheKiB, 0);
  return { totalBytes: kib("MemTotal") * 1024, usedBytes: usedKiB * 1024, cacheBytes: cacheKiB * 1024 };
}

function toMiB(bytes: number): number {
  return Math.floor(bytes / 1024 / 1024);
}
