/** Keeps an installation's processes alive: in the foreground of `up`, or as the process that `up --detach` leaves. */
import { join } from "node:path";
import { endProcess, readMark, runningPostgres, spawnDetached } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { stackFaults } from "./faults";
import { CHECKOUT, pathsOf } from "./paths";
import { loadSecrets } from "./secrets";
import { ensureLxcfs } from "./services/lxcfs";
import { ensurePostgres, ensureRedis } from "./services/private-servers";
import { ensureService, runningService } from "./services/process";
import { readSpecs } from "./services/specs-file";
import { startSupervisor, type Watched } from "./services/supervisor";
import { SERVICE_NAMES } from "./services/table";
import { loadSettings } from "./settings";

/** Disposing of it stops the watching and nothing else. */
export function supervise({ dataDir, log }: { dataDir: string; log: Logger }): AsyncDisposable {
  const settings = loadSettings(dataDir);
  const paths = pathsOf(settings.dataDir);
  const secrets = loadSecrets(paths.secrets);
  const servers: Watched[] = [
    {
      name: "postgres",
      find: () => runningPostgres(paths.postgres)?.mark,
      revive: () => ensurePostgres(settings, secrets),
    },
    { name: "redis", find: () => readMark(paths.mark("redis")), revive: () => ensureRedis(settings, secrets) },
  ];
  if (readSpecs(paths).some(({ env }) => env.LXCFS_DIR)) {
    servers.push({ name: "lxcfs", find: () => readMark(paths.mark("lxcfs")), revive: () => ensureLxcfs(paths) });
  }
  const services: Watched[] = SERVICE_NAMES.map((name) => ({
    name,
    find: () => runningService(paths, name),
    revive: async () => {
      const spec = readSpecs(paths).find((one) => one.name === name);
      if (spec !== undefined) await ensureService(paths, spec);
    },
  }));
  return startSupervisor({ paths, watched: [...servers, ...services], log });
}

export function runningSupervisor(dataDir: string): number | undefined {
  return readMark(pathsOf(dataDir).supervisor)?.pid;
}

/**
 * Ends one that an earlier `up` left and that watches what that version of the program knew of: two would bring back what the
 * other one has ended. What it watched lives on.
 */
export async function endOlderSupervisor(dataDir: string): Promise<void> {
  const mark = readMark(pathsOf(dataDir).supervisor);
  if (mark !== undefined && mark.pid !== process.pid) await endProcess(mark, { graceMs: 5_000 });
}

/** Leaves a supervisor behind that outlives this command. @throws Fault `stack_service_not_ready` */
export async function detachSupervisor(dataDir: string): Promise<void> {
  const paths = pathsOf(dataDir);
  const logPath = paths.log("supervisor");
  const argv = [process.execPath, join(CHECKOUT, "apps/cli/main.ts"), "supervise", "--data", paths.root] as const;
  await spawnDetached({ argv, logPath, cwd: paths.root });
  for (let tries = 0; tries < 500; tries += 1) {
    if (readMark(paths.supervisor) !== undefined) return;
    await sleep(20);
  }
  throw stackFaults.service_not_ready({ service: "the supervisor", why: "did not start", log: logPath });
}
