/** The one door to cgroups, whichever version: limits, freezing, numbers, leftovers. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineLimits } from "@sandlot/runtime-contract";
import type { CgroupLayout } from "./cgroup-layout";
import type { LaunchPair } from "./machine-dir";

const CPU_PERIOD_US = 100_000;
/** A quarter of a machine's memory may lie in its TCP connections. */
const TCP_BYTES_PER_MIB = 256 * 1024;
const LAUNCHERS = "_launchers";
const SHARED = "_machines";

/** Where one machine's processes stand. */
export type MachineCgroups = {
  readonly v2: string | undefined;
  /** v1 directories, each once. */
  readonly v1: readonly string[];
  readonly memory: string;
  readonly pids: string;
  /** v1 only, where v2 is absent. */
  readonly freezer: string | undefined;
  readonly cpuAccount: string | undefined;
};

/** Which device nodes machines may open, whatever nodes they come to see. */
export type DeviceRules = {
  /** For v1 alone: character devices by number. */
  readonly allowed: readonly string[];
  /** Puts the same rule on a v2 directory. Idempotent. */
  readonly restrict: (dir: string) => Promise<void>;
};

export class Cgroups {
  readonly #layout: CgroupLayout;
  readonly #group: string;
  readonly #devices: DeviceRules;

  /** @param of.group names all that one runtime of one installation makes, `sandlot-<tag>…` */
  constructor(of: { layout: CgroupLayout; group: string; devices: DeviceRules }) {
    this.#layout = of.layout;
    this.#group = of.group;
    this.#devices = of.devices;
  }

  get kind(): "v1" | "hybrid" | "v2" {
    if (this.#layout.unified) return "v2";
    return this.#layout.v2 === undefined ? "v1" : "hybrid";
  }

  /** v2 directory for the machines' parents, so that stopping the node's service does not stop them. */
  get launchers(): string | undefined {
    return this.#layout.v2 === undefined ? undefined : join(this.#layout.v2, this.#group, LAUNCHERS);
  }

  /** v1 directory that all machines share for the device rules; absent where v2 carries them. */
  get shared(): string | undefined {
    const devices = this.#layout.v1.get("devices");
    return this.#layout.v2 !== undefined || devices === undefined ? undefined : join(devices, this.#group, SHARED);
  }

  /** Makes what all machines share. Idempotent. */
  async prepare(): Promise<void> {
    const { v2, unified } = this.#layout;
    if (v2 !== undefined) {
      const group = join(v2, this.#group);
      if (unified) await enableControllers(v2);
      await mkdir(join(group, LAUNCHERS), { recursive: true });
      if (unified) await enableControllers(group);
      await this.#devices.restrict(group);
    }
    if (this.shared !== undefined && !existsSync(this.shared)) {
      await mkdir(this.shared, { recursive: true });
      await writeFile(join(this.shared, "devices.deny"), "a");
      for (const device of this.#devices.allowed)
        await writeFile(join(this.shared, "devices.allow"), `c ${device} rwm`);
    }
  }

  of(machineId: string): MachineCgroups {
    const { v1, v2, unified } = this.#layout;
    const at = (root: string): string => join(root, this.#group, machineId);
    const own = (name: string): string | undefined => {
      const root = v1.get(name);
      return root === undefined ? undefined : at(root);
    };
    const whole = v2 === undefined ? undefined : at(v2);
    const freezer = v2 === undefined ? own("freezer") : undefined;
    const cpuAccount = v2 === undefined ? own("cpuacct") : undefined;
    const dirs = unified ? [] : [own("memory"), own("cpu"), own("pids"), freezer, cpuAccount];
    return {
      v2: whole,
      v1: [...new Set(dirs.filter((dir) => dir !== undefined))],
      memory: own("memory") ?? whole ?? "",
      pids: own("pids") ?? whole ?? "",
      freezer,
      cpuAccount,
    };
  }

  /** A machine's, as its launcher is told of them. */
  launchPairs(machineId: string): LaunchPair[] {
    const { v1, v2 } = this.of(machineId);
    return [
      ["launcher_cgroup", this.launchers],
      ["shared_cgroup", this.shared],
      ["cgroup2", v2],
      ...v1.map((dir): LaunchPair => ["cgroup", dir]),
    ];
  }

  /** Makes a machine's cgroups and sets its limits. */
  async make(machineId: string, limits: MachineLimits): Promise<void> {
    // Never without the shared groups: the device rules would be missing.
    if ([this.launchers, this.shared].some((dir) => dir !== undefined && !existsSync(dir))) await this.prepare();
    const groups = this.of(machineId);
    const dirs = groups.v2 === undefined ? groups.v1 : [...groups.v1, groups.v2];
    await Promise.all(dirs.map((dir) => mkdir(dir, { recursive: true })));
    const memoryBytes = String(limits.memoryMiB * 1024 * 1024);
    const quota = Math.round(limits.cpuCount * CPU_PERIOD_US);
    if (this.#layout.unified && groups.v2 !== undefined) {
      await Promise.all([
        writeFile(join(groups.v2, "memory.max"), memoryBytes),
        writeIfThere(join(groups.v2, "memory.swap.max"), "0"),
        writeFile(join(groups.v2, "cpu.max"), `${quota} ${CPU_PERIOD_US}`),
        writeFile(join(groups.v2, "pids.max"), String(limits.pidsMax)),
      ]);
      return;
    }
    const cpu = join(this.#layout.v1.get("cpu") ?? "", this.#group, machineId);
    await Promise.all([
      writeFile(join(groups.memory, "memory.limit_in_bytes"), memoryBytes).then(() =>
        writeIfThere(join(groups.memory, "memory.memsw.limit_in_bytes"), memoryBytes),
      ),
      // v1 does not count what TCP holds into the limit, and the host has one measure for all machines.
      writeIfThere(join(groups.memory, "memory.kmem.tcp.limit_in_bytes"), String(limits.memoryMiB * TCP_BYTES_PER_MIB)),
      writeFile(join(cpu, "cpu.cfs_quota_us"), String(quota)),
      writeFile(join(groups.pids, "pids.max"), String(limits.pidsMax)),
    ]);
  }

  /** Names of all machines that have a cgroup left. */
  async names(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const root of this.#roots()) {
      const entries = await readdir(join(root, this.#group), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) if (entry.isDirectory() && !entry.name.startsWith("_")) found.add(entry.name);
    }
    return found;
  }

  /** Removes what `prepare` made, as far as no machine or launcher stands in it. */
  async dispose(): Promise<void> {
    for (const root of this.#roots()) {
      for (const name of [LAUNCHERS, SHARED, ""]) await rmdir(join(root, this.#group, name)).catch(() => undefined);
    }
  }

  #roots(): Set<string> {
    const { v1, v2 } = this.#layout;
    return new Set([...v1.values(), ...(v2 === undefined ? [] : [v2])]);
  }
}

async function enableControllers(dir: string): Promise<void> {
  await writeFile(join(dir, "cgroup.subtree_control"), "+memory +cpu +pids");
}

/** Swap accounting is a choice of the kernel's; without it there is nothing to limit. */
async function writeIfThere(path: string, text: string): Promise<void> {
  if (existsSync(path)) await writeFile(path, text);
}

/** The number after `key` in a file of `key value` lines; 0 when there is none. */
export async function readKey(path: string, key: string): Promise<number> {
  const text = await readFile(path, "utf8").catch(() => "");
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

export async function readNumber(path: string): Promise<number> {
  const text = await readFile(path, "utf8").catch(() => "0");
  return Number(text.trim()) || 0;
}
