/** Brings an installation up, or finds that it is. */
import { bringUp } from "../bring-up";
import { type ClientEnv, clientEnv } from "../client-env";
import { stackFaults } from "../faults";
import { holdLock } from "../lock";
import { pathsOf } from "../paths";
import { type Progress, silentProgress } from "../progress";
import { runningService } from "../services/process";
import { SERVICE_NAMES } from "../services/table";
import { changedSettings, resolveSettings, type Settings, type SettingsRequest } from "../settings";
import { reserveSlotCidr } from "../slot-cidr";
import { detachSupervisor, endOlderSupervisor } from "../supervise";
import { down } from "./down";
import { isSupervised } from "./status";

export type UpResult = { readonly settings: Settings; readonly env: ClientEnv; readonly wasRunning: boolean };

/**
 * With `isDetached`, leaves a supervisor behind; else the caller must supervise. Services run in either case, and go on
 * when this process dies: the next `up` adopts them. A start that fails ends what it started, unless it found something
 * running, which may carry sandboxes.
 * @throws a Fault whose message is the one line to show; the signal's reason when aborted
 */
export async function up(of: {
  request: SettingsRequest;
  isDetached: boolean;
  progress: Progress;
  env: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal;
  /** Once aborted, what a failed start left is killed instead of asked to end. */
  force?: AbortSignal;
}): Promise<UpResult> {
  using held = new DisposableStack();
  const settings = resolveSettings(of.request, () => held.use(reserveSlotCidr()).cidr);
  const { dataDir } = settings;
  if (isSupervised(dataDir)) {
    requireSame(settings);
    return { settings, env: clientEnv(settings), wasRunning: true };
  }
  const lock = holdLock({ lock: pathsOf(dataDir).lock, dataDir });
  const wasEmpty = SERVICE_NAMES.every((name) => runningService(pathsOf(dataDir), name) === undefined);
  try {
    await bringUp({ settings, progress: of.progress, env: of.env, signal: of.signal });
    await endOlderSupervisor(dataDir);
    if (of.isDetached) await detachSupervisor(dataDir);
  } catch (thrown) {
    lock[Symbol.dispose]();
    const force = of.force === undefined ? {} : { force: of.force };
    // The first failure is the one to tell.
    if (wasEmpty) await down({ dataDir, progress: silentProgress, ...force }).catch(() => undefined);
    throw thrown;
  }
  lock[Symbol.dispose]();
  return { settings, env: clientEnv(settings), wasRunning: false };
}

/** What runs cannot change them, and must not be told as if it had. */
function requireSame(settings: Settings): void {
  const { dataDir } = settings;
  const held = resolveSettings({ dataDir }, () => settings.slotCidr);
  const changed = changedSettings(held, settings);
  if (changed.length > 0) throw stackFaults.running_otherwise({ dataDir, changed: changed.join(", ") });
}
