/** `up --storage`: where builds go beyond this machine's disk, and what services are told about it. */
import { join } from "node:path";
import { readJson, writeJson } from "../json-file";
import type { DataPaths } from "../paths";
import type { Settings } from "../settings";

export type Bucket = {
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly usePathStyle: boolean;
};

export const STORAGE_FORM = "local or s3://bucket?endpoint=url&region=name&path-style=true, all of the query optional";

/** Undefined for what is neither. Pure. */
export function parseStorage(text: string): "local" | Bucket | undefined {
  if (text === "local") return "local";
  const [, bucket, query = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?(?:\?(.*))?$/.exec(text) ?? [];
  if (bucket === undefined) return undefined;
  const said = new URLSearchParams(query);
  if ([...said.keys()].some((name) => !["endpoint", "region", "path-style"].includes(name))) return undefined;
  const endpoint = said.get("endpoint") ?? "";
  if (endpoint !== "" && !/^https?:\/\/[^/?#]+\/?$/.test(endpoint)) return undefined;
  const style = said.get("path-style") ?? "";
  if (!["", "true", "false"].includes(style)) return undefined;
  // Names of buckets in host names work with Amazon's own DNS and with few others.
  const usePathStyle = style === "" ? endpoint !== "" : style === "true";
  return { bucket, endpoint, region: said.get("region") ?? "us-east-1", usePathStyle };
}

const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

/**
 * The bucket's keys: of the shell that ran `up`, kept (mode 0600) for the next one that has none. Without any, services look
 * where Amazon's own tools look.
 */
export function keepBucketKeys(
  paths: DataPaths,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const file = join(paths.root, "bucket-keys.json");
  const fresh = KEYS.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  if (fresh.length > 0) {
    writeJson(file, Object.fromEntries(fresh), 0o600);
    return Object.fromEntries(fresh);
  }
  return (readJson(file) ?? {}) as Record<string, string>;
}

/** For every service that opens an object store. */
export function storageEnv(
  of: { settings: Pick<Settings, "storage">; paths: DataPaths },
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const place = parseStorage(of.settings.storage ?? "local");
  const local = { LOCAL_BUILD_CACHE_STORAGE_BASE_PATH: of.paths.buildCache };
  if (place === undefined || place === "local") return { ...local, STORAGE_PROVIDER: "local" };
  return {
    ...local,
    STORAGE_PROVIDER: "s3",
    TEMPLATE_BUCKET_NAME: place.bucket,
    AWS_ENDPOINT_URL_S3: place.endpoint,
    AWS_REGION: place.region,
    S3_USE_PATH_STYLE: String(place.usePathStyle),
    ...keepBucketKeys(of.paths, env),
  };
}
