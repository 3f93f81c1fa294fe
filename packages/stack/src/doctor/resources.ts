/** Room on this machine: disk, memory, ports. */
import { existsSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { type DiskSpace, diskReserveBytes, isDiskLow } from "@sandlot/domain";
import { isPortFree } from "@sandlot/host";
import { PORTS, type PortName, type Settings } from "../settings";
import { type Finding, good, note, problem } from "./finding";
import { readText } from "./read-kernel";

const MiB = 1024 ** 2;
/** What the services and servers use with a warm pool and no sandbox. */
const MEMORY_FLOOR_BYTES = 768 * MiB;
const MEMORY_COMFORT_BYTES = 2_048 * MiB;
/** The base template, its build, and a few sandboxes. */
const DISK_COMFORT_BYTES = 6_144 * MiB;

/** Of the disk that holds the directory, or will. */
export function readDisk(dataDir: string): DiskSpace {
  let path = dataDir;
  while (!existsSync(path) && path !== "/") path = dirname(path);
  const disk = statfsSync(path);
  return { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize };
}

export function judgeDisk(space: DiskSpace, of: { dataDir: string; reserveMiB: number | undefined }): Finding {
  const reserve = diskReserveBytes({ totalBytes: space.totalBytes, reserveMiB: of.reserveMiB });
  const says = `${mib(space.freeBytes)} MiB free below ${of.dataDir}, of which ${mib(reserve)} MiB stay free`;
  if (isDiskLow(space, of.reserveMiB))
    return problem("disk", `${says}: nothing new starts`, "free some, or lower --disk-reserve of up");
  return space.freeBytes < DISK_COMFORT_BYTES ? note("disk", `${says}: room for little`) : good("disk", says);
}

export function judgeMemory(of: { totalBytes: number; availableBytes: number }): Finding {
  const says = `${mib(of.availableBytes)} MiB available of ${mib(of.totalBytes)}`;
  if (of.availableBytes < MEMORY_FLOOR_BYTES)
    return problem("memory", `${says}: too little for the services`, `have ${mib(MEMORY_FLOOR_BYTES)} MiB available`);
  return of.totalBytes < MEMORY_COMFORT_BYTES
    ? note("memory", `${says}: room for few sandboxes`)
    : good("memory", says);
}

export function readMemory(): { totalBytes: number; availableBytes: number } {
  const kib = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readText("/proc/meminfo"))?.[1] ?? 0);
  return { totalBytes: totalmem(), availableBytes: kib * 1024 };
}

/** Ports of processes that are ours count as free. */
export async function judgePorts(
  of: Pick<Settings, "ports" | "host">,
  isOurs: (name: PortName) => boolean,
): Promise<Finding[]> {
  const taken: Finding[] = [];
  for (const [name, { flag, what }] of Object.entries(PORTS)) {
    const port = of.ports[name as PortName];
    const host = ["api", "proxy", "docker"].includes(name) ? of.host : "127.0.0.1";
    if (!isOurs(name as PortName) && !(await isPortFree(port, host)))
      taken.push(problem("ports", `${port} (${what}) is in use by another program`, `choose another with ${flag}`));
  }
  return taken.length > 0 ? taken : [good("ports", Object.values(of.ports).join(", "))];
}

const mib = (bytes: number): number => Math.floor(bytes / MiB);
