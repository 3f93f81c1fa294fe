import { type ConfigEntry, type Env, readEnv, type Secret } from "@sandlot/config";

export type DockerReverseProxyConfig = {
  readonly listenHost: string;
  readonly port: number;
  readonly postgresUrl: string;
  /** Where clients are sent for tokens; when empty, to where their request went. */
  readonly publicUrl: string;
  /** The backing registry. */
  readonly registryUrl: string;
  /** Before the template's id in the backing registry's repository names. */
  readonly repositoryPrefix: string;
  readonly upstream: UpstreamCredentials;
  readonly logLevel: "error" | "warn" | "info" | "debug" | "silent";
};

export type UpstreamCredentials =
  | { readonly type: "none" }
  | { readonly type: "registry"; readonly username: string; readonly password: Secret }
  | { readonly type: "gcp"; readonly serviceAccountJson: Secret }
  | { readonly type: "aws"; readonly accessKeyId: string; readonly secretAccessKey: Secret; readonly region: string };

/** @throws ConfigError */
export function dockerReverseProxyConfig(env: Env, seen: ConfigEntry[] = []): DockerReverseProxyConfig {
  return readEnv(
    env,
    (read) => {
      const type = read.oneOf("REGISTRY_CREDENTIALS", ["none", "registry", "gcp", "aws"], "none");
      return {
        listenHost: read.text("LISTEN_HOST", "127.0.0.1"),
        port: read.port("DOCKER_PROXY_PORT", 5000),
        postgresUrl: read.text("POSTGRES_CONNECTION_STRING"),
        publicUrl: read.text("DOCKER_PROXY_PUBLIC_URL", ""),
        registryUrl: read.text("REGISTRY_URL", "http://127.0.0.1:5006"),
        repositoryPrefix: read.text("REGISTRY_REPOSITORY_PREFIX", "e2b/custom-envs"),
        upstream: {
          type,
          username: read.text("REGISTRY_USERNAME", type === "registry" ? undefined : "unused"),
          password: read.secret("REGISTRY_PASSWORD", type === "registry" ? undefined : ""),
          serviceAccountJson: read.secret("REGISTRY_GCP_SERVICE_ACCOUNT", type === "gcp" ? undefined : ""),
          accessKeyId: read.text("REGISTRY_AWS_ACCESS_KEY_ID", type === "aws" ? undefined : "unused"),
          secretAccessKey: read.secret("REGISTRY_AWS_SECRET_ACCESS_KEY", type === "aws" ? undefined : ""),
          region: read.text("REGISTRY_AWS_REGION", type === "aws" ? undefined : "unused"),
        },
        logLevel: read.oneOf("LOG_LEVEL", ["error", "warn", "info", "debug", "silent"], "info"),
      };
    },
    seen,
  );
}
