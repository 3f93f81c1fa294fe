import { type ConfigEntry, type Env, type Reader, readEnv } from "@sandlot/config";

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
  readonly logLevel: "error" | "warn" | "info" | "debug" | "silent";
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
      logLevel: read.oneOf("LOG_LEVEL", ["error", "warn", "info", "debug", "silent"], "info"),
    }),
    seen,
  );
}

function listenHosts(read: Reader): Pick<ClientProxyConfig, "listenHost" | "healthListenHost"> {
  const listenHost = read.text("LISTEN_HOST", "127.0.0.1");
  return { listenHost, healthListenHost: read.text("HEALTH_LISTEN_HOST", listenHost) };
}
