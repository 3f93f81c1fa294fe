/** Restarts the services on the newest build; sandboxes live on. */
import { bringUp } from "../bring-up";
import { holdLock } from "../lock";
import { pathsOf } from "../paths";
import type { Progress } from "../progress";
import { endService } from "../services/process";
import { SERVICE_NAMES } from "../services/table";
import { loadSettings } from "../settings";
import { detachSupervisor, runningSupervisor } from "../supervise";

/**
 * Holding the lock tells a supervisor that these deaths are meant; it goes on watching the new processes. Without one, a
 * detached one is started.
 */
export async function restart(of: {
  dataDir: string;
  progress: Progress;
  env: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal;
}): Promise<void> {
  const settings = loadSettings(of.dataDir);
  const paths = pathsOf(settings.dataDir);
  using _lock = holdLock({ lock: paths.lock, dataDir: settings.dataDir });
  await Promise.all(SERVICE_NAMES.map((name) => endService(paths, name)));
  await bringUp({ settings, progress: of.progress, env: of.env, signal: of.signal });
  if (runningSupervisor(settings.dataDir) === undefined) await detachSupervisor(settings.dataDir);
}
