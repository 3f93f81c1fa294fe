import { type ConfigEntry, type Env, type Reader, readEnv } from "@sandlot/config";
import type { CertificatesConfig } from "@sandlot/names";

export type ClientProxyConfig = {
  readonly listenHost: string;
  /** Of /health; by default that of the proxy, since a balancer asks there. */
  readonly healthListenHost: string;
  readonly proxyPort: number;
  readonly healthPort: number;
  readonly redisUrl: string;
  /** `host:port` of the api's internal gRPC. */
  readonly apiAddress: string;
  /** The same on every node. */
  readonly orchestratorProxyPort: number;
  /** How long to go on taking connections once /health says draining: what a load balancer needs to notice. */
  readonly drainWaitMs: number;
  /** After that, how long open requests may take to end by themselves. */
  readonly drainMaxMs: number;
  /** Domain of sandboxes' names, without a port. */
  readonly domain: string;
  /** Undefined: no TLS here. */
  readonly edge: EdgeConfig | undefined;
  readonly nameServer: NameServerChoice | undefined;
  /** Undefined: no SSH here. */
  readonly ssh: { readonly port: number; readonly hostKeyPath: string } | undefined;
  /** File URLs that name no sandbox are matched with those that run here; for installations on one machine. */
  readonly findsSigners: boolean;
  readonly logLevel: "error" | "warn" | "info" | "debug" | "silent";
};

/** TLS for clients, certificates for it, and what is reached by name beside sandboxes. */
export type EdgeConfig = {
  readonly port: number;
  readonly certificates: CertificatesConfig;
  /** Plain HTTP for the ACME authority's questions; everything else is sent on to TLS. Undefined: nowhere. */
  readonly acmeHttpPort: number | undefined;
  /** By the first label of their name. */
  readonly services: ReadonlyMap<string, { readonly address: string; readonly port: number }>;
};

export type NameServerChoice = {
  readonly listenHost: string;
  readonly port: number;
  readonly addresses: readonly string[];
};

/** @throws ConfigError */
export function loadClientProxyConfig(env: Env, seen: ConfigEntry[] = []): ClientProxyConfig {
  return readEnv(
    env,
    (read) => ({
      ...listenHosts(read),
      proxyPort: read.port("PROXY_PORT", 3002),
      healthPort: read.port("HEALTH_PORT", 3001),
      redisUrl: read.text("REDIS_URL"),
      apiAddress: read.text("API_INTERNAL_GRPC_ADDRESS", "127.0.0.1:5010"),
      orchestratorProxyPort: read.port("ORCHESTRATOR_PROXY_PORT", 5007),
      drainWaitMs: read.seconds("PROXY_DRAIN_WAIT_SECONDS", 0) * 1000,
      drainMaxMs: read.seconds("PROXY_DRAIN_MAX_SECONDS", 5) * 1000,
      domain: read.text("DOMAIN_NAME", "sandlot.test"),
      edge: readEdge(read),
      nameServer: readNameServer(read),
      ssh: readSsh(read),
      findsSigners: read.flag("FIND_FILE_URL_SIGNERS", false),
      logLevel: read.oneOf("LOG_LEVEL", ["error", "warn", "info", "debug", "silent"], "info"),
    }),
    seen,
  );
}

function listenHosts(read: Reader): Pick<ClientProxyConfig, "listenHost" | "healthListenHost"> {
  const listenHost = read.text("LISTEN_HOST", "127.0.0.1");
  return { listenHost, healthListenHost: read.text("HEALTH_LISTEN_HOST", listenHost) };
}

/** On when there is a directory for certificates. */
function readEdge(read: Reader): EdgeConfig | undefined {
  const dir = read.optionalText("TLS_DIR");
  const port = read.port("TLS_PORT", 3443);
  const ownFiles = read.optionalText("TLS_CERTIFICATE_BASE");
  const directoryUrl = read.optionalText("ACME_DIRECTORY_URL");
  const email = read.optionalText("ACME_EMAIL");
  const dnsHook = read.optionalText("ACME_DNS_HOOK");
  const caFile = read.optionalText("ACME_CA_FILE");
  const acmeHttpPort = read.port("ACME_HTTP_PORT", 0);
  const services = new Map([
    ["api", placeOf(read.text("API_ADDRESS", "127.0.0.1:3000"))],
    ["docker", placeOf(read.text("DOCKER_ADDRESS", "127.0.0.1:5000"))],
  ]);
  if (dir === undefined) return undefined;
  const acme = directoryUrl === undefined ? undefined : { directoryUrl, email, dnsHook, caFile };
  const domain = read.text("DOMAIN_NAME", "sandlot.test");
  return {
    port,
    certificates: { dir, domain, acme, ownFiles },
    acmeHttpPort: acmeHttpPort === 0 ? undefined : acmeHttpPort,
    services,
  };
}

function readNameServer(read: Reader): NameServerChoice | undefined {
  const listenHost = read.optionalText("NAME_SERVER_HOST");
  const port = read.port("NAME_SERVER_PORT", 3053);
  const addresses = read.list("NAME_SERVER_ANSWERS", ["127.0.0.1"]);
  return listenHost === undefined ? undefined : { listenHost, port, addresses };
}

/** On when there is a place for the key that it shows. */
function readSsh(read: Reader): ClientProxyConfig["ssh"] {
  const hostKeyPath = read.optionalText("SSH_HOST_KEY");
  const port = read.port("SSH_PORT", 3022);
  return hostKeyPath === undefined ? undefined : { port, hostKeyPath };
}

function placeOf(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
