/** Ends an installation: its sandboxes, its services, its servers. Data stays; nothing else does. */
import { existsSync, rmSync } from "node:fs";
import { dropMark, endProcess, findResidue, inherited, readMark, removeResidue, tryRun } from "@sandlot/host";
import { stackFaults } from "../faults";
import { keepNeededGuestLayers } from "../guest-layer";
import { SWEEP_WITHIN_MS } from "../limits";
import { holdLock } from "../lock";
import { type DataPaths, pathsOf } from "../paths";
import type { Progress } from "../progress";
import { endLxcfs } from "../services/lxcfs";
import { endServers } from "../services/private-servers";
import { endService } from "../services/process";
import { readSpecs } from "../services/specs-file";
import { SERVICE_NAMES } from "../services/table";
import { canonical, readSettings } from "../settings";

/**
 * Works from any state, half dead ones included. Once `force` aborts it kills instead of asking.
 * @returns false when there was nothing to end
 * @throws Fault `stack_residue_left` when something could not be removed
 */
export async function down(of: { dataDir: string; progress: Progress; force?: AbortSignal }): Promise<boolean> {
  const dataDir = canonical(of.dataDir);
  const settings = readSettings(dataDir);
  if (settings === undefined) return false;
  const paths = pathsOf(dataDir);
  using _lock = holdLock({ lock: paths.lock, dataDir });
  const before = await findResidue({ tag: settings.tag, dataDir });
  const supervisor = readMark(paths.supervisor);
  if (supervisor !== undefined && supervisor.pid !== process.pid) await endProcess(supervisor, { graceMs: 5_000 });
  await Promise.all(SERVICE_NAMES.map((name) => endService(paths, name, of.force)));
  if (before.length > 0) of.progress.say("down", "services ended");
  await sweep(paths, of.progress);
  await Promise.all([endServers(paths), endLxcfs(paths)]);
  const left = await removeResidue({ tag: settings.tag, dataDir });
  if (left.length > 0)
    throw stackFaults.residue_left({ left: left.map(({ kind, name }) => `${kind} ${name}`).join(", ") });
  dropMark(paths.supervisor);
  const orchestrator = readSpecs(paths).find(({ name }) => name === "orchestrator");
  await keepNeededGuestLayers({ artifacts: paths.artifacts, keep: orchestrator?.env.GUEST_LAYER_DIR });
  // Redis knows only what runs, and nothing does any more.
  rmSync(paths.redis, { recursive: true, force: true });
  return before.length > 0;
}

/** The node knows best how to end its machines; what it misses is taken away by tag afterwards. */
async function sweep(paths: DataPaths, progress: Progress): Promise<void> {
  const spec = readSpecs(paths).find(({ name }) => name === "orchestrator");
  if (spec === undefined || !existsSync(spec.argv[0])) return;
  const signal = AbortSignal.timeout(SWEEP_WITHIN_MS);
  const env = { ...inherited(), ...spec.env };
  const swept = await tryRun([spec.argv[0], "sweep", "--all"], { env, cwd: paths.root, signal });
  if (swept.exitCode === 0) progress.say("down", "sandboxes ended");
  else
    progress.say("down", `the node's sweep failed (${swept.stderr.trim().split("\n").at(-1) ?? ""}); removing by name`);
}
