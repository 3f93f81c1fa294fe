/** What runs on a data directory, and how it is. */
import { isDiskLow } from "@sandlot/domain";
import { markOf, readMark } from "@sandlot/host";
import { clientEnv } from "../client-env";
import { readDisk } from "../doctor/resources";
import { findHostWarnings } from "../host/warnings";
import { type DataPaths, pathsOf } from "../paths";
import { ask, isHealthy } from "../services/health";
import { type MemoryPauses, type NodeRuntime, readNode } from "../services/node-info";
import { runningServers } from "../services/private-servers";
import { runningService } from "../services/process";
import { readSpecs } from "../services/specs-file";
import { SERVICE_NAMES } from "../services/table";
import { canonical, loadSettings, type Settings } from "../settings";

export type ServiceStatus = {
  readonly name: string;
  readonly pid: number | undefined;
  readonly port: number | undefined;
  readonly state: "running" | "not answering" | "down";
};

export type InstallationStatus = {
  readonly dataDir: string;
  readonly tag: string;
  readonly slotCidr: string;
  /** What the walls are made of, for a person to judge; of the runtime that sandboxes get where nobody says otherwise. */
  readonly isolation: string;
  /** What sandboxes run on here, the default first; undefined when the node does not say. */
  readonly runtimes: readonly NodeRuntime[] | undefined;
  /** What was decided about runtimes when the node started, and why. */
  readonly runtimeNotes: readonly string[];
  /** Every service and server runs and answers, and a supervisor watches them. */
  readonly isUp: boolean;
  readonly services: readonly ServiceStatus[];
  /** Undefined when the API does not say. */
  readonly sandboxes: number | undefined;
  /** Whether pauses keep memory, as the node proved it at its start; undefined when it does not say. */
  readonly memoryPauses: MemoryPauses | undefined;
  /** Below its watermark nothing new starts. */
  readonly disk: { readonly freeBytes: number; readonly isLow: boolean };
  /** What else on this host stops sandboxes from working, one line each with its cure. */
  readonly warnings: readonly string[];
};

/** All processes run and somebody watches them; asks no service, so it costs a millisecond. */
export function isSupervised(dataDir: string): boolean {
  const paths = pathsOf(canonical(dataDir));
  const servers = runningServers(paths);
  const isWhole = SERVICE_NAMES.every((name) => runningService(paths, name) !== undefined);
  return (
    isWhole && servers.postgres !== undefined && servers.redis !== undefined && readMark(paths.supervisor) !== undefined
  );
}

/** @throws Fault `stack_not_running` when nothing was ever set up here */
export async function status(dataDir: string): Promise<InstallationStatus> {
  const settings = loadSettings(dataDir);
  const paths = pathsOf(settings.dataDir);
  const [services, sandboxes, warnings, node] = await Promise.all([
    serviceStates(paths, settings),
    countSandboxes(settings),
    findHostWarnings(),
    readNode(settings.ports.nodeGrpc),
  ]);
  return {
    dataDir: settings.dataDir,
    tag: settings.tag,
    slotCidr: settings.slotCidr,
    isolation: node?.runtimes[0]?.isolation ?? `${settings.runtime}: the node does not answer`,
    runtimes: node?.runtimes,
    runtimeNotes: node?.notes ?? [],
    isUp: services.every(({ state }) => state === "running"),
    services,
    sandboxes,
    memoryPauses: node?.memoryPauses,
    disk: diskOf(settings),
    warnings,
  };
}

function diskOf({ dataDir, diskReserveMiB }: Settings): InstallationStatus["disk"] {
  const space = readDisk(dataDir);
  return { freeBytes: space.freeBytes, isLow: isDiskLow(space, diskReserveMiB) };
}

async function serviceStates(paths: DataPaths, settings: Settings): Promise<ServiceStatus[]> {
  const specs = readSpecs(paths);
  const supervisor = readMark(paths.supervisor)?.pid;
  const servers = runningServers(paths);
  const plain = (name: string, pid: number | undefined, port?: number): ServiceStatus => ({
    name,
    pid,
    port,
    state: pid === undefined || markOf(pid) === undefined ? "down" : "running",
  });
  const services = SERVICE_NAMES.map(async (name): Promise<ServiceStatus> => {
    const spec = specs.find((one) => one.name === name);
    const pid = runningService(paths, name)?.pid;
    if (spec === undefined || pid === undefined) return { name, pid, port: spec?.port, state: "down" };
    return { name, pid, port: spec.port, state: (await isHealthy(spec.health)) ? "running" : "not answering" };
  });
  return [
    ...(await Promise.all(services)),
    plain("postgres", servers.postgres, settings.ports.postgres),
    plain("redis", servers.redis, settings.ports.redis),
    plain("supervisor", supervisor),
  ];
}

async function countSandboxes(settings: Settings): Promise<number | undefined> {
  const { E2B_API_URL: url, E2B_API_KEY: key } = clientEnv(settings);
  const answer = await ask(`${url}/sandboxes`, { headers: { "X-API-Key": key }, withinMs: 2_000 });
  if (answer?.status !== 200) return undefined;
  const list: unknown = JSON.parse(answer.body);
  return Array.isArray(list) ? list.length : undefined;
}
