/** Firecracker as a process that outlives us: started detached, found again by its pid and start time. */
import { closeSync, constants, openSync } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, sleep } from "@sandlot/lifetime";
import { isAlive, type ProcessRecord, readProcess } from "@sandlot/runtime-host";
import { firecrackerFaults } from "../faults";
import { limits } from "../limits";

const PID_NAME = "vmm.pid";

/**
 * Notes pid and start time, both of which stay through what it becomes. So there is never a Firecracker without a note, even
 * if we die right now; and none without its machine's directory, which a sweep may have removed meanwhile.
 */
const NOTE_THEN_BECOME =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own
  'note=$1; shift; read -r line < /proc/$$/stat; rest=${line##*) }; began=$(set -- $rest; echo "${20}"); echo "$$ $began" > "$note" || exit 1; exec "$@"';

/**
 * The jailer becomes Firecracker, so its pid stays good. Output is appended to the console file, which may then be cut
 * while it is being written to.
 * @returns the process, and a promise that settles when it has ended
 * @throws Fault `firecracker_lost` when it ended before it was noted
 */
export async function startVmm(of: {
  line: readonly string[];
  dir: string;
  consolePath: string;
}): Promise<{ process: ProcessRecord; exited: Promise<unknown> }> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
  const output = openSync(of.consolePath, flags, 0o600);
  try {
    const child = Bun.spawn(["/bin/sh", "-c", NOTE_THEN_BECOME, "sh", join(of.dir, PID_NAME), ...of.line], {
      stdin: "ignore",
      stdout: output,
      stderr: output,
      env: {},
      cwd: "/",
      detached: true,
    });
    child.unref();
    let hasEnded = false;
    const exited = child.exited.then(() => {
      hasEnded = true;
    });
    for (;;) {
      const isLast = hasEnded;
      const noted = await findVmm(of.dir);
      if (noted?.pid === child.pid) return { process: noted, exited };
      if (isLast) throw firecrackerFaults.lost({ request: "its start", reason: "it ended at once" });
      await sleep(1);
    }
  } finally {
    closeSync(output);
  }
}

export function findVmm(dir: string): Promise<ProcessRecord | undefined> {
  return readProcess(dir, PID_NAME);
}

/** Resolves when that very process is gone. @throws Fault `firecracker_kill_stuck` */
export async function killVmm(of: { process: ProcessRecord; machineId: string; clock: Clock }): Promise<void> {
  const startedMs = of.clock.nowMs();
  for (let restMs = 1; await isAlive(of.process); restMs = Math.min(restMs * 2, 50)) {
    try {
      process.kill(of.process.pid, "SIGKILL");
    } catch {
      // It has just died by itself.
    }
    const waitedMs = of.clock.nowMs() - startedMs;
    if (waitedMs > limits.killMs) throw firecrackerFaults.kill_stuck({ machineId: of.machineId, waitedMs });
    await sleep(restMs);
  }
}

/** What a guest's init said on the serial console, the last word of each kind. A guest's root can say the same. */
export type ConsoleNotices = {
  readonly isReady: boolean;
  readonly failed?: string;
  readonly exit?: { readonly code: number; readonly oomKills: number };
};

/** Pure. */
export function parseConsole(text: string): ConsoleNotices {
  let notices: ConsoleNotices = { isReady: false };
  for (const [, word, rest = ""] of text.matchAll(/^sandlot (ready|failed|exit)(?: ([^\r\n]*))?\r?$/gm)) {
    const [code, oomKills] = rest.split(" ").map(Number);
    if (word === "ready") notices = { ...notices, isReady: true };
    else if (word === "failed") notices = { ...notices, failed: rest.slice(0, 300) };
    else if (Number.isInteger(code))
      notices = { ...notices, exit: { code: (code ?? 0) & 0xff, oomKills: oomKills || 0 } };
  }
  return notices;
}

/** The console's end, as much as is ever kept of it. */
export async function readConsole(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, 64 * 1024));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, Math.max(0, size - buffer.length));
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Keeps a guest that writes to its console for ever from filling the host's disk. */
export async function boundConsole(path: string): Promise<void> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return;
  const { size } = await file.stat().finally(() => file.close());
  if (size > limits.consoleBytes) await truncate(path, 0).catch(() => undefined);
}
