/** The services of an installation: what runs, with which environment, and where it says that it is well. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { inherited } from "@sandlot/host";
import { BASE_SHAPE } from "../base/install";
import type { GuestProxies } from "../host/guest-trust";
import { DIST, MACHINE_CACHE, pathsOf } from "../paths";
import type { Secrets } from "../secrets";
import type { Settings } from "../settings";
import { lxcfsDir } from "./lxcfs";

export type ServiceName = "orchestrator" | "api" | "client-proxy" | "registry" | "docker-reverse-proxy";

export type ServiceSpec = {
  readonly name: ServiceName;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly health: {
    readonly protocol: "http" | "h2c";
    readonly host: string;
    readonly port: number;
    /** `/health` unless said. */
    readonly path?: string;
  };
  /** For people: the port that matters. */
  readonly port: number;
};

export type ServiceInputs = {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly baseBuildId: string;
  readonly guestLayer: string;
  readonly guestProxies: GuestProxies;
  readonly hasGuestCa: boolean;
  readonly hasLxcfs: boolean;
  /** Undefined when none could be had: pauses keep no memory then. */
  readonly criuPath: string | undefined;
  /** Where the guests' kernel lies; undefined when no virtual machines were asked for. */
  readonly guestKernelDir: string | undefined;
  /** Of those that open an object store. */
  readonly storageEnv: Readonly<Record<string, string>>;
};

export const SERVICE_NAMES: readonly ServiceName[] = [
  "orchestrator",
  "api",
  "client-proxy",
  "registry",
  "docker-reverse-proxy",
];

/** In the order they start: each needs those before it. Pure. */
export function serviceSpecs(of: ServiceInputs): ServiceSpec[] {
  return [orchestratorSpec(of), apiSpec(of), clientProxySpec(of), registrySpec(of), dockerSpec(of)];
}

export function redisUrl({ settings, secrets }: Pick<ServiceInputs, "settings" | "secrets">): string {
  return `redis://:${secrets.redisPassword}@127.0.0.1:${settings.ports.redis}/0`;
}

export function postgresUrl({ settings, secrets }: Pick<ServiceInputs, "settings" | "secrets">): string {
  return `postgres://sandlot:${secrets.postgresPassword}@127.0.0.1:${settings.ports.postgres}/sandlot?sslmode=disable`;
}

/** Where a listener on all addresses is reached from here. */
export function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host;
}

/** What the domain's names stand for: where the edge listens. */
export function addressOfHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

/** The operator's rules come before ours, but for what was pushed here. */
function imageMirrors({ imageMirrors: said, ports }: Settings): string {
  const pushed = `pushed.sandlot.internal/=http://127.0.0.1:${ports.registry}/`;
  return [pushed, ...(said === undefined || said === "" ? [] : [said]), "e2bdev/base=template:base"].join(",");
}

/** Also the environment of `orchestrator sweep`, which must find the same things. */
export function orchestratorSpec(of: ServiceInputs): ServiceSpec {
  const { settings } = of;
  const paths = pathsOf(settings.dataDir);
  return {
    name: "orchestrator",
    argv: [join(DIST, "orchestrator")],
    port: settings.ports.nodeGrpc,
    health: { protocol: "h2c", host: "127.0.0.1", port: settings.ports.nodeGrpc },
    env: {
      ...inherited(),
      ...of.storageEnv,
      LISTEN_HOST: "127.0.0.1",
      GRPC_PORT: String(settings.ports.nodeGrpc),
      PROXY_PORT: String(settings.ports.nodeProxy),
      NODE_ID: `node-${settings.tag}`,
      NODE_IP: "127.0.0.1",
      ORCHESTRATOR_BASE_PATH: paths.node,
      LOCAL_TEMPLATE_STORAGE_BASE_PATH: paths.artifacts,
      GUEST_LAYER_DIR: of.guestLayer,
      LAUNCHER_PATH: join(DIST, "launcher"),
      INSTALLATION_TAG: settings.tag,
      SLOT_CIDR: settings.slotCidr,
      WARM_POOL_SIZE: String(settings.warm),
      WARM_BUILDS: warmBase(of),
      MAX_SANDBOXES: String(settings.maxSandboxes),
      // Empty: the node's own.
      SANDBOX_MAX_CONNECTIONS: String(settings.sandboxConnections ?? ""),
      SANDBOX_CONNECTIONS_PER_SECOND: String(settings.sandboxConnectionRate ?? ""),
      SANDBOX_BANDWIDTH_KIB_PER_SECOND: String(settings.sandboxBandwidthKiB ?? ""),
      CRIU_PATH: of.criuPath ?? "",
      LXCFS_DIR: of.hasLxcfs ? lxcfsDir(paths) : "",
      DISK_RESERVE_MIB: settings.diskReserveMiB === undefined ? "" : String(settings.diskReserveMiB),
      RUNTIMES: settings.runtime,
      ...vmEnv(of),
      RUNTIME_FORCE: settings.runtimeForce === "none" ? "" : (settings.runtimeForce ?? ""),
      // What was pushed here, and the stock client's default image.
      IMAGE_MIRRORS: imageMirrors(settings),
      GUEST_CA_FILE: of.hasGuestCa ? paths.guestCa : "",
      EGRESS_CA_FILE: paths.egressCa,
      API_INTERNAL_GRPC_ADDRESS: `127.0.0.1:${settings.ports.apiGrpc}`,
      NODE_TOKEN: of.secrets.nodeToken,
      DNS_UPSTREAMS: settings.dns === "host" ? "" : (settings.dns ?? ""),
      GUEST_HTTP_PROXY: of.guestProxies.http,
      GUEST_HTTPS_PROXY: of.guestProxies.https,
      GUEST_NO_PROXY: of.guestProxies.none,
    },
  };
}

/** `base`, on what sandboxes get where nobody says otherwise. */
function warmBase({ baseBuildId, settings }: ServiceInputs): string {
  const { cpuCount, memoryMiB, diskMiB } = BASE_SHAPE;
  const runtime = settings.runtime === "auto" ? "container" : settings.runtime.split(",")[0];
  return `${baseBuildId}:${cpuCount}:${memoryMiB}:${diskMiB}:${runtime}`;
}

function vmEnv({ guestKernelDir }: ServiceInputs): Record<string, string> {
  if (guestKernelDir === undefined) return {};
  return {
    GUEST_KERNEL_DIR: guestKernelDir,
    GUEST_INIT_PATH: join(DIST, "vm-init"),
    VM_LAUNCHER_PATH: join(DIST, "vm-launcher"),
    VM_MEMORY_LIBRARY_PATH: join(DIST, "vm-memory.so"),
    VM_CACHE_DIR: join(MACHINE_CACHE, "vm"),
  };
}

function apiSpec(of: ServiceInputs): ServiceSpec {
  const { settings, secrets } = of;
  const { api, apiGrpc, nodeGrpc } = settings.ports;
  return {
    name: "api",
    argv: [join(DIST, "api")],
    port: api,
    health: { protocol: "http", host: reachableHost(settings.host), port: api },
    env: {
      ...inherited(),
      ...of.storageEnv,
      LISTEN_HOST: settings.host,
      INTERNAL_LISTEN_HOST: "127.0.0.1",
      API_PORT: String(api),
      API_INTERNAL_GRPC_PORT: String(apiGrpc),
      POSTGRES_CONNECTION_STRING: postgresUrl(of),
      REDIS_URL: redisUrl(of),
      SANDBOX_ACCESS_TOKEN_HASH_SEED: secrets.tokenSeed,
      ADMIN_TOKEN: secrets.adminToken,
      SECRETS_KEY: secrets.secretsKey,
      NODE_TOKEN: secrets.nodeToken,
      LOCAL_BUILD_CACHE_STORAGE_BASE_PATH: pathsOf(settings.dataDir).buildCache,
      IMAGE_MIRRORS: imageMirrors(settings),
      DOMAIN_NAME: settings.domain,
      TRAFFIC_ORIGIN: `https://${settings.domain}:${settings.ports.tls}`,
      LOCAL_ORCHESTRATOR_ADDRESS: `127.0.0.1:${nodeGrpc}`,
    },
  };
}

function clientProxySpec(of: ServiceInputs): ServiceSpec {
  const { settings } = of;
  const { proxy, proxyHealth, apiGrpc, nodeProxy } = settings.ports;
  const chosen = (value: string | undefined): string => (value === undefined || value === "none" ? "" : value);
  return {
    name: "client-proxy",
    argv: [join(DIST, "client-proxy")],
    port: proxy,
    health: { protocol: "http", host: "127.0.0.1", port: proxyHealth },
    env: {
      ...inherited(),
      LISTEN_HOST: settings.host,
      HEALTH_LISTEN_HOST: "127.0.0.1",
      PROXY_PORT: String(proxy),
      HEALTH_PORT: String(proxyHealth),
      REDIS_URL: redisUrl(of),
      API_INTERNAL_GRPC_ADDRESS: `127.0.0.1:${apiGrpc}`,
      ORCHESTRATOR_PROXY_PORT: String(nodeProxy),
      DOMAIN_NAME: settings.domain,
      TLS_DIR: pathsOf(settings.dataDir).edge,
      TLS_PORT: String(settings.ports.tls),
      TLS_CERTIFICATE_BASE: chosen(settings.tlsFiles),
      ACME_DIRECTORY_URL: chosen(settings.acme),
      ACME_EMAIL: chosen(settings.acmeEmail),
      ACME_DNS_HOOK: chosen(settings.acmeDnsHook),
      ACME_HTTP_PORT: String(settings.acmeHttpPort ?? 0),
      API_ADDRESS: `${reachableHost(settings.host)}:${settings.ports.api}`,
      DOCKER_ADDRESS: `${reachableHost(settings.host)}:${settings.ports.docker}`,
      NAME_SERVER_HOST: chosen(settings.dnsHost),
      NAME_SERVER_PORT: String(settings.ports.dns),
      NAME_SERVER_ANSWERS: settings.dnsAnswer ?? addressOfHost(settings.host),
      SSH_PORT: String(settings.ports.ssh),
      SSH_HOST_KEY: pathsOf(settings.dataDir).sshHostKey,
      FIND_FILE_URL_SIGNERS: "true",
    },
  };
}

/** Debian's registry, for images that were pushed. It reads what tenants send, so it runs as nobody. */
function registrySpec({ settings }: ServiceInputs): ServiceSpec {
  const paths = pathsOf(settings.dataDir);
  const { registry } = settings.ports;
  return {
    name: "registry",
    argv: [
      "/usr/bin/setpriv",
      ...["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "--"],
      ...["/usr/bin/docker-registry", "serve", paths.registryConfig],
    ],
    port: registry,
    health: { protocol: "http", host: "127.0.0.1", port: registry, path: "/" },
    env: {
      ...inherited(),
      REGISTRY_HTTP_ADDR: `127.0.0.1:${registry}`,
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: paths.registry,
    },
  };
}

function dockerSpec(of: ServiceInputs): ServiceSpec {
  const { settings } = of;
  const { docker, registry } = settings.ports;
  const host = reachableHost(settings.host);
  return {
    name: "docker-reverse-proxy",
    argv: [join(DIST, "docker-reverse-proxy")],
    port: docker,
    health: { protocol: "http", host, port: docker },
    env: {
      ...inherited(),
      LISTEN_HOST: settings.host,
      DOCKER_PROXY_PORT: String(docker),
      POSTGRES_CONNECTION_STRING: postgresUrl(of),
      REGISTRY_URL: `http://127.0.0.1:${registry}`,
    },
  };
}
