import { availableParallelism, hostname } from "node:os";
import { type ConfigEntry, ConfigError, type Env, type Reader, readEnv, type Secret } from "@sandlot/config";
import { isRuntimeName, RUNTIME_NAMES, type RuntimeName } from "@sandlot/domain";
import type { Throttle } from "@sandlot/network";
import { type StorageConfig, storageConfig } from "@sandlot/storage";
import type { LogLevel } from "@sandlot/telemetry";
import { CRASH_POINTS, type CrashPoint } from "./crash-points";

/** What a machine is made for: a build at a size, on a runtime. Warm machines are kept per shape. */
export type MachineShape = {
  readonly runtime: RuntimeName;
  readonly buildId: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
};

export type OrchestratorConfig = {
  readonly listenHost: string;
  readonly grpcPort: number;
  readonly proxyPort: number;
  readonly nodeId: string;
  readonly nodeIp: string;
  /** Journal, run directories, disks and mount points of this node. */
  readonly basePath: string;
  /** Sealed builds: `builds/<id>/build.json` and `layers/`. */
  readonly artifactsPath: string;
  /** What stands behind `artifactsPath`, and where uploaded build contexts go. */
  readonly storage: StorageConfig;
  /** `orchestrator` always; `template-manager` when it builds templates too. */
  readonly services: readonly string[];
  /** Templates that are built at the same time; the rest wait. */
  readonly buildsAtOnce: number;
  /** `from=to` rules: where images come from instead of their own registry. */
  readonly imageMirrors: readonly string[];
  /** Directory that the runtime puts on top of every machine's layers: envd and PID 1. */
  readonly guestLayerDir: string;
  readonly launcherPath: string;
  /** Four characters that tell this installation's host objects from others'. */
  readonly installationTag: string;
  readonly slotCidr: string;
  readonly slotPoolSize: number;
  readonly upperPoolSize: number;
  readonly warmPoolSize: number;
  readonly warmBuilds: readonly MachineShape[];
  /** Paused sandboxes whose frozen machines may stay, so that resuming them here is a thaw. 0: none. */
  readonly resumeCacheSize: number;
  readonly maxSandboxes: number;
  /** Incoming requests and tunnels of one sandbox at once; -1: any number. */
  readonly connectionsPerSandbox: number;
  /** Empty: the host's own resolvers. */
  readonly dnsUpstreams: readonly string[];
  readonly guestCaFile: string | undefined;
  readonly guestProxy: GuestProxy;
  readonly egress: EgressSettings;
  /** Dumps and restores machines. Absent: pauses keep files and no memory. */
  readonly criuPath: string | undefined;
  /** Where an lxcfs is mounted, so that guests see their own memory and CPUs. Absent: they see the host's. */
  readonly lxcfsDir: string | undefined;
  /** What stays free on the disk of `basePath`, in MiB. Absent: 5 %, at most 2 GiB. Below it nothing new is started. */
  readonly diskReserveMiB: number | undefined;
  /** What makes machines here, the default first; `auto` is decided when the node starts. */
  readonly runtimes: readonly RuntimeName[] | "auto";
  /** What virtual machines are made of; undefined as a whole where no kernel for them was named. */
  readonly microVm: MicroVmSettings | undefined;
  /** Which Firecracker binaries there are, with their checksums; read only where the runtime `firecracker` is wanted. */
  readonly firecrackerVersionsFile: string;
  /** Ways of older kernels, taken although this one has better: to try them out. */
  readonly runtimeForce: readonly RuntimeForce[];
  readonly logLevel: LogLevel;
  /** Where this process kills itself, for tests of what a death there leaves. */
  readonly crashAt: CrashPoint | undefined;
};

export const RUNTIME_FORCES = ["loop-layers", "overlay-paths", "cgroup-v1"] as const;
export type RuntimeForce = (typeof RUNTIME_FORCES)[number];

export type MicroVmSettings = {
  /** One guest kernel, as `@sandlot/runtime-microvm` lays it out. */
  readonly kernelDir: string;
  /** The guest's first program, built statically. */
  readonly guestInitPath: string;
  /** Jails a machine's monitor. */
  readonly launcherPath: string;
  /** Keeps QEMU from writing to memory files that machines share. */
  readonly memoryLibraryPath: string;
  /** Images that are made once and kept; installations of a machine may share it. */
  readonly cacheDir: string;
  /** `auto` boots a trial machine on KVM and falls back to software. */
  readonly accelerator: "auto" | "kvm" | "tcg";
};

export type EgressSettings = {
  /** Key and certificate of the authority that guests with header rules trust; made if it is not there. */
  readonly authorityFile: string;
  /** `host:port` of the api's gRPC, which knows secrets and signs workload tokens; absent: header rules with such values fail. */
  readonly controlAddress: string | undefined;
  readonly nodeToken: Secret;
  /** Whether header rules apply to requests without TLS too. */
  readonly allowsPlainHttpRules: boolean;
  readonly throttle: Throttle;
};

/** A corporate proxy that guests should use; put into their environment under the user's own variables. */
export type GuestProxy = {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly none: string | undefined;
};

/** In the order of the reference page. What is words so far is looked at by its caller. */
function readAll(read: Reader) {
  return {
    listenHost: read.text("LISTEN_HOST", "127.0.0.1"),
    grpcPort: read.port("GRPC_PORT", 5008),
    proxyPort: read.port("PROXY_PORT", 5007),
    nodeId: read.text("NODE_ID", hostname()),
    nodeIp: read.text("NODE_IP", "127.0.0.1"),
    basePath: read.text("ORCHESTRATOR_BASE_PATH", "/var/lib/sandlot/node"),
    artifactsPath: read.text("LOCAL_TEMPLATE_STORAGE_BASE_PATH", "/var/lib/sandlot/artifacts"),
    storage: storageConfig(read),
    services: read.list("ORCHESTRATOR_SERVICES", ["orchestrator", "template-manager"]),
    buildsAtOnce: read.whole("BUILDS_AT_ONCE", {
      fallback: Math.max(2, availableParallelism() >> 1),
      min: 1,
      max: 64,
    }),
    imageMirrors: read.list("IMAGE_MIRRORS", ["e2bdev/base=template:base"]),
    guestLayerDir: read.text("GUEST_LAYER_DIR"),
    launcherPath: read.text("LAUNCHER_PATH"),
    installationTag: read.text("INSTALLATION_TAG"),
    slotCidr: read.text("SLOT_CIDR", "10.12.0.0/16"),
    slotPoolSize: read.whole("SLOT_POOL_SIZE", { fallback: 16, max: 1024 }),
    upperPoolSize: read.whole("UPPER_POOL_SIZE", { fallback: 8, max: 1024 }),
    warmPoolSize: read.whole("WARM_POOL_SIZE", { fallback: 4, max: 512 }),
    warmBuilds: read.list("WARM_BUILDS", []),
    resumeCacheSize: read.whole("RESUME_CACHE_SIZE", { fallback: 32, max: 512 }),
    maxSandboxes: read.whole("MAX_SANDBOXES", { fallback: 200, min: 1 }),
    connectionsPerSandbox: read.whole("SANDBOX_MAX_INCOMING_CONNECTIONS", { fallback: 4_096, min: -1 }),
    dnsUpstreams: read.list("DNS_UPSTREAMS", []),
    guestCaFile: read.optionalText("GUEST_CA_FILE"),
    guestProxy: {
      http: read.optionalText("GUEST_HTTP_PROXY"),
      https: read.optionalText("GUEST_HTTPS_PROXY"),
      none: read.optionalText("GUEST_NO_PROXY"),
    },
    criuPath: read.optionalText("CRIU_PATH"),
    egress: readEgress(read),
    lxcfsDir: read.optionalText("LXCFS_DIR"),
    vmSettings: readVms(read),
    firecrackerVersionsFile: read.text("FIRECRACKER_VERSIONS_FILE", "/etc/sandlot/firecracker.json"),
    runtimeNames: read.list("RUNTIMES", ["container"]),
    diskReserve: read.optionalText("DISK_RESERVE_MIB"),
    runtimeForce: read.list("RUNTIME_FORCE", []),
    logLevel: read.oneOf("LOG_LEVEL", ["debug", "info", "warn", "error", "silent"], "info"),
    crashAt: read.optionalText("CRASH_AT"),
  };
}

function readEgress(read: Reader): EgressSettings {
  return {
    authorityFile: read.text("EGRESS_CA_FILE", "/var/lib/sandlot/egress-ca.pem"),
    controlAddress: read.optionalText("API_INTERNAL_GRPC_ADDRESS"),
    nodeToken: read.secret("NODE_TOKEN", ""),
    allowsPlainHttpRules: read.flag("EGRESS_PLAIN_HTTP_RULES", false),
    throttle: {
      flows: read.whole("SANDBOX_MAX_CONNECTIONS", { fallback: 8192, min: 1, max: 65_536 }),
      newFlowsPerSecond: read.whole("SANDBOX_CONNECTIONS_PER_SECOND", { fallback: 0, max: 100_000 }),
      kibPerSecond: read.whole("SANDBOX_BANDWIDTH_KIB_PER_SECOND", { fallback: 0, max: 4_000_000 }),
    },
  };
}

/** `MicroVmSettings`, if there is a kernel. */
function readVms(read: Reader) {
  return {
    kernelDir: read.optionalText("GUEST_KERNEL_DIR"),
    guestInitPath: read.text("GUEST_INIT_PATH", ""),
    launcherPath: read.text("VM_LAUNCHER_PATH", ""),
    memoryLibraryPath: read.text("VM_MEMORY_LIBRARY_PATH", ""),
    cacheDir: read.text("VM_CACHE_DIR", "/var/cache/sandlot/vm"),
    accelerator: read.oneOf("VM_ACCELERATOR", ["auto", "kvm", "tcg"], "auto"),
  };
}

/** @throws ConfigError naming every problem at once */
export function loadOrchestratorConfig(env: Env, seen: ConfigEntry[] = []): OrchestratorConfig {
  const found = readEnv(env, readAll, seen);
  const { warmBuilds, runtimeNames, vmSettings, runtimeForce, diskReserve, crashAt, ...config } = found;
  const problems: string[] = [];
  if (!/^[a-z0-9]{4}$/.test(config.installationTag))
    problems.push(`INSTALLATION_TAG must be four characters of a-z and 0-9, got ${config.installationTag}`);
  if (diskReserve !== undefined && !/^\d{1,9}$/.test(diskReserve))
    problems.push(`DISK_RESERVE_MIB must be a whole number, got ${diskReserve}`);
  if (config.storage.problem !== undefined) problems.push(config.storage.problem);
  const runtimes = parseRuntimes(runtimeNames);
  if (runtimes === undefined)
    problems.push(`RUNTIMES must be auto or words of ${RUNTIME_NAMES.join(", ")}, got ${runtimeNames.join(",")}`);
  const forces = runtimeForce.filter((word) => isRuntimeForce(word));
  if (forces.length < runtimeForce.length)
    problems.push(`RUNTIME_FORCE must hold words of ${RUNTIME_FORCES.join(", ")}, got ${runtimeForce.join(",")}`);
  const crashPoint = CRASH_POINTS.find((point) => point === crashAt);
  if (crashAt !== undefined && crashPoint === undefined)
    problems.push(`CRASH_AT must be one of ${CRASH_POINTS.join(", ")}, got ${crashAt}`);
  const shapes = warmBuilds.map((entry) => {
    const shape = parseWarmBuild(entry);
    if (shape === undefined)
      problems.push(`WARM_BUILDS must hold buildId:cpu:memMiB:diskMiB[:runtime] entries, got ${entry}`);
    return shape;
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...config,
    warmBuilds: shapes.filter((shape) => shape !== undefined),
    diskReserveMiB: diskReserve === undefined ? undefined : Number(diskReserve),
    runtimes: runtimes ?? ["container"],
    microVm: vmSettings.kernelDir === undefined ? undefined : { ...vmSettings, kernelDir: vmSettings.kernelDir },
    runtimeForce: forces,
    crashAt: crashPoint,
  };
}

/** Undefined for what is no choice of runtimes. */
export function parseRuntimes(words: readonly string[]): readonly RuntimeName[] | "auto" | undefined {
  if (words.length === 1 && words[0] === "auto") return "auto";
  const known = words.filter((word) => isRuntimeName(word));
  const isFine = known.length > 0 && known.length === words.length && new Set(known).size === known.length;
  return isFine ? known : undefined;
}

function isRuntimeForce(word: string): word is RuntimeForce {
  return RUNTIME_FORCES.some((known) => known === word);
}

function parseWarmBuild(entry: string): MachineShape | undefined {
  const parts = /^([A-Za-z0-9][A-Za-z0-9._-]*):(\d{1,3}):(\d{1,7}):(\d{1,8})(?::([a-z]+))?$/.exec(entry);
  if (parts === null) return undefined;
  const [, buildId = "", cpu, memory, disk, runtime = "container"] = parts;
  if (!isRuntimeName(runtime)) return undefined;
  return { runtime, buildId, cpuCount: Number(cpu), memoryMiB: Number(memory), diskMiB: Number(disk) };
}

/** One text per shape, for maps and logs. */
export function shapeKey(shape: MachineShape): string {
  return `${shape.buildId}:${shape.cpuCount}:${shape.memoryMiB}:${shape.diskMiB}:${shape.runtime}`;
}
