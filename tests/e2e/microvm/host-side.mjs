// What the host has of an installation's virtual machines.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const machinesOf = (own) => join(own.dataDir, "node/qemu/machines");

/** Ids of all machines that QEMU runs for it, warm ones among them. */
export const vmIds = (own) => readdirSync(machinesOf(own));

const pidIn = (own, machineId) => {
  try {
    return Number(/\d+/.exec(readFileSync(join(machinesOf(own), machineId, "vmm.pid"), "utf8"))?.[0]);
  } catch {
    return undefined; // it has just gone
  }
};

/** What the node wrote into its log when the sandbox was started. */
export function machineOf(own, sandboxId) {
  const lines = readFileSync(join(own.dataDir, "logs/orchestrator.log"), "utf8").split("\n");
  const started = lines.filter((line) => line.includes("sandbox started") && line.includes(sandboxId));
  return JSON.parse(started.at(-1)).machineId;
}

/** QEMU's process for a sandbox. */
export function vmmOf(own, sandboxId) {
  const pid = pidIn(own, machineOf(own, sandboxId));
  if (!(pid > 1)) throw new Error(`no process for ${sandboxId}`);
  return pid;
}

export const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** One line of a process's status, or all of them. */
export function statusOf(pid) {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/)));
}

/** Processor time that the process itself has had, in milliseconds, by ticks of ten. */
export function cpuMsOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [userTicks, systemTicks] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return 10 * (Number(userTicks) + Number(systemTicks));
}

export const namespaceOf = (pid, kind) => readlinkSync(`/proc/${pid}/ns/${kind}`);

/** Files and devices that the process holds open, by path. */
export function filesOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

export const tasksOf = (pid) => readdirSync(`/proc/${pid}/task`);

/** Whether pages of it may be merged with pages of other processes. */
export function mergesMemory(pid) {
  return readFileSync(`/proc/${pid}/smaps`, "utf8")
    .split("\n")
    .some((line) => line.startsWith("VmFlags:") && line.split(/\s+/).includes("mg"));
}
