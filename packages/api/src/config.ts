/** Environment to the api's configuration. Read once, in main. */
import { type ConfigEntry, type Env, readEnv, type Secret } from "@sandlot/config";

export type ApiConfig = {
  /** Of REST alone. */
  readonly listenHost: string;
  /** Of the gRPC for other services; opened wider only where those run on other machines, on a private network. */
  readonly internalListenHost: string;
  /** REST. 0 takes a free one. */
  readonly port: number;
  /** gRPC for other services of the installation; never for users. */
  readonly internalPort: number;
  readonly postgresUrl: Secret;
  readonly redisUrl: Secret;
  /** The key that sandbox tokens are derived with; changing it changes every token. */
  readonly tokenSeed: Secret;
  readonly adminToken: Secret;
  /** What secrets are sealed with, at least 32 characters; empty: no secrets, workload tokens and egress proxies. */
  readonly secretsKey: Secret;
  /** What nodes show when they ask for values; empty: nodes get none. */
  readonly nodeToken: Secret;
  /** `iss` of workload tokens; where their keys are found from outside. Empty: `https://api.<domain>`. */
  readonly identityIssuer: string | undefined;
  /** Where sandboxes' ports are served: `<port>-<id>.<domain>`. */
  readonly domain: string;
  /** Scheme, domain and port of the edge that visitors reach, such as `https://sandlot.test:3443`; for links. */
  readonly trafficOrigin: string;
  /** Where uploaded files of COPY steps lie when the build cache is a directory; builders look there too. */
  readonly buildCachePath: string;
  /** `from=to` rules: mirrors of registries, and templates that stand for images. */
  readonly imageMirrors: readonly string[];
  /** `host:port` of every node's gRPC. */
  readonly nodeAddresses: readonly string[];
  readonly logLevel: "error" | "warn" | "info" | "debug" | "silent";
};

/** @throws ConfigError naming every problem */
export function loadApiConfig(env: Env, seen: ConfigEntry[] = []): ApiConfig {
  return readEnv(
    env,
    (read) => ({
      listenHost: read.text("LISTEN_HOST", "127.0.0.1"),
      internalListenHost: read.text("INTERNAL_LISTEN_HOST", "127.0.0.1"),
      port: read.port("API_PORT", 3000),
      internalPort: read.port("API_INTERNAL_GRPC_PORT", 5010),
      postgresUrl: read.secret("POSTGRES_CONNECTION_STRING"),
      redisUrl: read.secret("REDIS_URL"),
      tokenSeed: read.secret("SANDBOX_ACCESS_TOKEN_HASH_SEED"),
      adminToken: read.secret("ADMIN_TOKEN"),
      secretsKey: read.secret("SECRETS_KEY", ""),
      nodeToken: read.secret("NODE_TOKEN", ""),
      identityIssuer: read.optionalText("IDENTITY_ISSUER"),
      domain: read.text("DOMAIN_NAME", "sandlot.test"),
      trafficOrigin: read.text("TRAFFIC_ORIGIN", `https://${read.text("DOMAIN_NAME", "sandlot.test")}`),
      buildCachePath: read.text("LOCAL_BUILD_CACHE_STORAGE_BASE_PATH", "/var/lib/sandlot/build-cache"),
      imageMirrors: read.list("IMAGE_MIRRORS", ["e2bdev/base=template:base"]),
      nodeAddresses: read.list("LOCAL_ORCHESTRATOR_ADDRESS", ["127.0.0.1:5008"]),
      logLevel: read.oneOf("LOG_LEVEL", ["error", "warn", "info", "debug", "silent"], "info"),
    }),
    seen,
  );
}
