import { readFile, statfs } from "node:fs/promises";

export type HostMetrics = {
  readonly cpuCount: number;
  /** Of all cores together since the last reading, 0 to 100. */
  readonly cpuPercent: number;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
  readonly diskUsedBytes: number;
  readonly diskTotalBytes: number;
};

export type MachineInfo = {
  readonly architecture: string;
  readonly family: string;
  readonly model: string;
  readonly modelName: string;
  readonly flags: readonly string[];
};

type CpuTicks = { readonly busy: number; readonly total: number; readonly cores: number };

/** Reads the host's load. `basePath` says which disk counts: the one that holds the machines. */
export class HostMeter {
  readonly #basePath: string;
  #last: CpuTicks | undefined;
  #percent = 0;

  constructor(basePath: string) {
    this.#basePath = basePath;
  }

  async read(): Promise<HostMetrics> {
    const [stat, meminfo, disk] = await Promise.all([
      readFile("/proc/stat", "utf8"),
      readFile("/proc/meminfo", "utf8"),
      statfs(this.#basePath),
    ]);
    const ticks = parseCpuTicks(stat);
    const spanTicks = ticks.total - (this.#last?.total ?? 0);
    // Two readings within one tick say nothing: keep the last answer.
    if (spanTicks > 0) this.#percent = Math.round(((ticks.busy - (this.#last?.busy ?? 0)) / spanTicks) * 100);
    this.#last = ticks;
    const memory = parseMeminfo(meminfo);
    return {
      cpuCount: ticks.cores,
      cpuPercent: Math.min(100, Math.max(0, this.#percent)),
      memoryUsedBytes: Math.max(0, memory.totalBytes - memory.availableBytes),
      memoryTotalBytes: memory.totalBytes,
      diskUsedBytes: (disk.blocks - disk.bfree) * disk.bsize,
      diskTotalBytes: disk.blocks * disk.bsize,
    };
  }
}

export async function availableMemoryBytes(): Promise<number> {
  return parseMeminfo(await readFile("/proc/meminfo", "utf8")).availableBytes;
}

export function parseCpuTicks(stat: string): CpuTicks {
  const lines = stat.split("\n");
  const fields = (lines[0] ?? "").trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + wait, cores: lines.filter((line) => /^cpu\d/.test(line)).length };
}

export function parseMeminfo(meminfo: string): { totalBytes: number; availableBytes: number } {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0);
  return { totalBytes: kib("MemTotal") * 1024, availableBytes: kib("MemAvailable") * 1024 };
}

export async function readMachineInfo(): Promise<MachineInfo> {
  const cpuinfo = await readFile("/proc/cpuinfo", "utf8");
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1]?.trim() ?? "";
  return {
    architecture: process.arch === "x64" ? "x86_64" : process.arch,
    family: field("cpu family"),
    model: field("model"),
    modelName: field("model name"),
    flags: field("flags")
      .split(" ")
      .filter((flag) => flag !== ""),
  };
}
