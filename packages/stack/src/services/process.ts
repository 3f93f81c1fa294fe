/** One service as a detached process: started, adopted, asked, ended. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import {
  dropMark,
  endProcess,
  isRunning,
  type ProcessMark,
  readMark,
  signalProcess,
  spawnDetached,
  writeMark,
} from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import { stackFaults } from "../faults";
import { readJson } from "../json-file";
import { SERVICE_GRACE_MS, SERVICE_READY_WITHIN_MS } from "../limits";
import type { DataPaths } from "../paths";
import { isHealthy } from "./health";
import type { ServiceSpec } from "./table";

/** What a running service was started from: a changed executable or environment needs a restart. */
export function fingerprint(spec: ServiceSpec): string {
  const { mtimeMs, size, ino } = statSync(spec.argv[0]);
  return createHash("sha256")
    .update(JSON.stringify([spec.argv, spec.env, mtimeMs, size, ino]))
    .digest("hex");
}

/** The service's process if it runs, whoever started it. */
export function runningService(paths: DataPaths, name: string): ProcessMark | undefined {
  return readMark(paths.mark(name));
}

/**
 * Adopts the service when it runs from the same executable and environment, else (re)starts it. Does not wait until it
 * is ready.
 */
export async function ensureService(paths: DataPaths, spec: ServiceSpec): Promise<"adopted" | "started" | "replaced"> {
  const running = runningService(paths, spec.name);
  const print = fingerprint(spec);
  if (running !== undefined) {
    if (readJson(paths.mark(spec.name))?.fingerprint === print) return "adopted";
    await endProcess(running, { graceMs: SERVICE_GRACE_MS });
  }
  const logPath = paths.log(spec.name);
  const { mark } = await spawnDetached({ argv: spec.argv, env: spec.env, cwd: paths.root, logPath });
  writeMark(paths.mark(spec.name), mark, { fingerprint: print, startedAtMs: Date.now() });
  return running === undefined ? "started" : "replaced";
}

/** @throws Fault `stack_service_not_ready` when it ends, or has not answered in a minute */
export async function untilHealthy(paths: DataPaths, spec: ServiceSpec, signal?: AbortSignal): Promise<void> {
  const startMs = performance.now();
  for (let gapMs = 15; !(await isHealthy(spec.health)); gapMs = Math.min(gapMs * 1.3, 250)) {
    const mark = runningService(paths, spec.name);
    const log = paths.log(spec.name);
    if (mark === undefined || !isRunning(mark)) {
      throw stackFaults.service_not_ready({ service: spec.name, why: `ended at once${lastWords(log)}`, log });
    }
    if (performance.now() - startMs > SERVICE_READY_WITHIN_MS) {
      throw stackFaults.service_not_ready({ service: spec.name, why: "did not answer within a minute", log });
    }
    await sleep(gapMs, signal);
  }
}

/** Asks with SIGTERM, which ends no sandbox; kills when `force` aborts or the grace is over. */
export async function endService(paths: DataPaths, name: string, force?: AbortSignal): Promise<void> {
  const mark = runningService(paths, name);
  if (mark !== undefined) {
    const kill = (): void => signalProcess(mark, "SIGKILL");
    force?.addEventListener("abort", kill, { once: true });
    if (force?.aborted === true) kill();
    await endProcess(mark, { graceMs: SERVICE_GRACE_MS });
    force?.removeEventListener("abort", kill);
  }
  dropMark(paths.mark(name));
}

/** The last line of a log, for a message. */
function lastWords(path: string): string {
  try {
    const text = readFileSync(path, "utf8");
    const line = text.trim().split("\n").at(-1) ?? "";
    return line === "" ? "" : ` (${line.slice(0, 300)})`;
  } catch {
    return "";
  }
}
