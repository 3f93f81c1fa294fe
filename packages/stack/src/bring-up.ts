/** Brings everything of an installation up, step by step; adopts what already runs. */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureInstallation, migrate, openDatabase, registerTemplateBuild } from "@sandlot/db";
import { isPortFree } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import { ensureAuthority } from "@sandlot/names";
import { ensureBase } from "./base/build";
import { BASE_SHAPE, ENVD_VERSION, installBase } from "./base/install";
import { loadBaseRecipe } from "./base/recipe";
import { ensureCriu } from "./criu/ensure-criu";
import { ensureDist } from "./dist";
import { stackFaults } from "./faults";
import { installGuestLayer } from "./guest-layer";
import { nameOf, requireFitHost, requireFitNetwork } from "./host/fitness";
import { findHostCertificates, findHostProxies, type GuestProxies } from "./host/guest-trust";
import { ensurePackages } from "./host/packages";
import { PORT_CHECK_GAP_MS, PORT_FREE_WITHIN_MS } from "./limits";
import { CHECKOUT, type DataPaths, DIST, pathsOf } from "./paths";
import type { Progress } from "./progress";
import { ensureSecrets, type Secrets } from "./secrets";
import { ensureLxcfs } from "./services/lxcfs";
import { ownPorts } from "./services/own-ports";
import { ensurePostgres, ensureRedis } from "./services/private-servers";
import { ensureService, untilHealthy } from "./services/process";
import { keepSpecs } from "./services/specs-file";
import { storageEnv } from "./services/storage-setting";
import { postgresUrl, type ServiceSpec, serviceSpecs } from "./services/table";
import { keepSettings, PORTS, type PortName, type Settings } from "./settings";
import { bakeBase } from "./vms/bake-base";
import { prepareVms } from "./vms/prepare-vms";

/** The registry's user. */
const NOBODY = 65534;

export type BringUp = {
  readonly settings: Settings;
  readonly progress: Progress;
  /** Read for the host's proxies and a bucket's keys only. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
};

/** @throws a Fault with one line for a person; what was started until then keeps running */
export async function bringUp(of: BringUp): Promise<void> {
  const { settings, progress, signal } = of;
  const paths = pathsOf(settings.dataDir);
  const host = await requireFitHost();
  progress.say("host", `${nameOf(host.osRelease)}, Linux ${host.kernel}, ${host.arch}`);
  await requireFreePorts(settings, paths, signal);
  for (const dir of [paths.root, paths.run, paths.logs, paths.artifacts, paths.node])
    mkdirSync(dir, { recursive: true });
  mkdirSync(paths.buildCache, { recursive: true });
  // What sandboxes and builds hold is for no other user of the host; also where an older version left it open.
  for (const dir of [paths.artifacts, paths.buildCache, paths.node]) chmodSync(dir, 0o700);
  mkdirSync(paths.registry, { recursive: true, mode: 0o700 });
  chownSync(paths.registry, NOBODY, NOBODY);
  const registryConfig = readFileSync(join(CHECKOUT, "packages/stack/registry.yml"));
  writeFileSync(paths.registryConfig, registryConfig);
  chmodSync(paths.registryConfig, 0o644);
  keepSettings(settings);
  const secrets = ensureSecrets(paths.secrets);
  await ensurePackages(progress, signal);
  await requireFitNetwork();
  const kernel = await prepareVms(settings.runtime, progress, signal);
  const [, base, { hasLxcfs }, criu] = await allOrNone(signal, (inner) => [
    ensureDist(progress, inner),
    prepareBase(paths, progress, inner),
    startServers(settings, secrets, progress),
    ensureCriu(progress, inner),
  ]);
  await prepareDatabase({ settings, secrets, buildId: base.buildId, progress });
  await placeAuthority(settings, paths);
  const hasGuestCa = placeGuestCa(settings, paths, progress);
  const guestProxies = guestProxiesOf(settings, of.env);
  const guestLayer = installGuestLayer({ from: join(DIST, "guest-layer"), artifacts: paths.artifacts });
  const baseBuildId = base.buildId;
  const specs = serviceSpecs({
    settings,
    secrets,
    baseBuildId,
    guestLayer,
    guestProxies,
    hasGuestCa,
    hasLxcfs,
    criuPath: criu?.path,
    guestKernelDir: kernel?.directory,
    storageEnv: storageEnv({ settings, paths }, of.env),
  });
  keepSpecs(paths, specs);
  await startServices(paths, specs, progress, signal);
  const { runtime, ports } = settings;
  const connectionString = postgresUrl({ settings, secrets });
  await bakeBase({ grpcPort: ports.nodeGrpc, connectionString, buildId: baseBuildId, runtime, progress, signal });
}

/** Starts in order; each needs those before it. */
export async function startServices(
  paths: DataPaths,
  specs: readonly ServiceSpec[],
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  for (const spec of specs) {
    signal?.throwIfAborted();
    const how = await ensureService(paths, spec);
    await untilHealthy(paths, spec, signal);
    progress.say("service", `${spec.name} ${how} on port ${spec.port}`);
  }
}

/** Runs side by side; the first failure stops the others and is waited out. */
async function allOrNone<T extends readonly Promise<unknown>[]>(
  signal: AbortSignal | undefined,
  begin: (signal: AbortSignal) => readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const stop = new AbortController();
  const all = begin(signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]));
  try {
    return (await Promise.all(all)) as { -readonly [K in keyof T]: Awaited<T[K]> };
  } catch (thrown) {
    stop.abort(thrown);
    await Promise.allSettled(all);
    throw thrown;
  }
}

function hostOfPort(name: PortName, { host, dnsHost }: Settings): string {
  if (name === "dns") return dnsHost === "none" ? "127.0.0.1" : dnsHost;
  return OPEN_PORTS.has(name) ? host : "127.0.0.1";
}

const OPEN_PORTS: ReadonlySet<PortName> = new Set(["api", "proxy", "tls", "ssh", "docker"]);

/** What was killed gives its ports back when its last thread has ended. @throws Fault `stack_port_taken` */
async function requireFreePorts(settings: Settings, paths: DataPaths, signal?: AbortSignal): Promise<void> {
  const isOurs = ownPorts(paths);
  const endMs = performance.now() + PORT_FREE_WITHIN_MS;
  for (const [name, { flag, what }] of Object.entries(PORTS)) {
    const port = settings.ports[name as PortName];
    const host = hostOfPort(name as PortName, settings);
    while (!isOurs(name as PortName) && !(await isPortFree(port, host))) {
      if (performance.now() > endMs) throw stackFaults.port_taken({ port, what, flag });
      await sleep(PORT_CHECK_GAP_MS, signal);
    }
  }
}

async function prepareBase(paths: DataPaths, progress: Progress, signal: AbortSignal): Promise<{ buildId: string }> {
  const recipe = await loadBaseRecipe();
  const base = await ensureBase(recipe, progress, signal);
  return await installBase({ artifacts: paths.artifacts, recipe, base });
}

async function startServers(settings: Settings, secrets: Secrets, progress: Progress): Promise<{ hasLxcfs: boolean }> {
  const [postgres, redis, noLxcfs] = await Promise.all([
    ensurePostgres(settings, secrets),
    ensureRedis(settings, secrets),
    ensureLxcfs(pathsOf(settings.dataDir)),
  ]);
  if (noLxcfs !== undefined) progress.say("guests", `see the host's memory and processors in /proc: ${noLxcfs}`);
  const how = (adopted: boolean): string => (adopted ? "adopted" : "started");
  progress.say("service", `postgres ${how(postgres.wasAdopted)}, redis ${how(redis.wasAdopted)}`);
  return { hasLxcfs: noLxcfs === undefined };
}

async function prepareDatabase(of: {
  settings: Settings;
  secrets: Secrets;
  buildId: string;
  progress: Progress;
}): Promise<void> {
  const connectionString = postgresUrl(of);
  const { newest } = await migrate({ connectionString });
  const db = openDatabase({ connectionString });
  try {
    const { teamId } = await ensureInstallation(db, { apiKey: of.secrets.apiKey, accessToken: of.secrets.accessToken });
    const template = {
      teamId,
      alias: "base",
      isPublic: true,
      buildId: of.buildId,
      ...BASE_SHAPE,
      envdVersion: ENVD_VERSION,
    };
    await registerTemplateBuild(db, template);
  } finally {
    await db[Symbol.asyncDispose]();
  }
  of.progress.say("database", `at migration ${newest}`);
}

/** Made here, so that it can be trusted before the first service has used it; its certificate lies where all may read it. */
async function placeAuthority({ domain }: Settings, paths: DataPaths): Promise<void> {
  const { certPem } = await ensureAuthority({ dir: paths.edge, domain, nowMs: Date.now() });
  writeFileSync(paths.edgeCa, certPem, { mode: 0o644 });
}

/** What the host trusts beyond Mozilla's list, or the file a person named, or nothing. */
function placeGuestCa(settings: Settings, paths: DataPaths, progress: Progress): boolean {
  const named = settings.guestCa;
  const pem = named === "none" ? "" : named === undefined ? findHostCertificates() : readFileSync(named, "utf8");
  if (pem === "") {
    rmSync(paths.guestCa, { force: true });
    return false;
  }
  writeFileSync(paths.guestCa, pem, { mode: 0o644 });
  const count = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  progress.say(
    "guests",
    `trust ${count} certificate${count === 1 ? "" : "s"} of ${named === undefined ? "this host" : named}`,
  );
  return true;
}

function guestProxiesOf(settings: Settings, env: BringUp["env"]): GuestProxies {
  if (settings.guestProxy === "none") return { http: "", https: "", none: "" };
  const found = findHostProxies(env);
  return settings.guestProxy === undefined
    ? found
    : { ...found, http: settings.guestProxy, https: settings.guestProxy };
}
