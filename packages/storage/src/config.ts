/** Where artifacts and upload contexts lie, out of the environment. Names as in behaviour.md §7. */
import type { Reader, Secret } from "@sandlot/config";
import type { ObjectStorePlace } from "./objects/open-object-store";
import type { S3Settings } from "./s3-settings";

export type StorageConfig = {
  /** Behind the node's own directory; absent where that directory is all there is. */
  readonly templates: ObjectStorePlace | undefined;
  /** Contexts that clients upload for builds. */
  readonly buildCache: ObjectStorePlace;
};

/** The words of the wire contract's deployments, and ours. Google's buckets are reached by their S3-compatible door. */
const PROVIDERS = ["local", "s3", "Local", "AWSBucket"] as const;

/**
 * For a service's own `readEnv`. With `s3`, credentials that are not given are looked for where Amazon's tools look.
 * @throws Error when `s3` is asked for without a bucket: that is a fault of the configuration, named by the caller
 */
export function storageConfig(read: Reader): StorageConfig & { readonly problem: string | undefined } {
  const provider = read.oneOf("STORAGE_PROVIDER", PROVIDERS, "local");
  const templateBucket = read.optionalText("TEMPLATE_BUCKET_NAME");
  const buildCacheBucket = read.optionalText("BUILD_CACHE_BUCKET_NAME");
  const directory = read.text("LOCAL_BUILD_CACHE_STORAGE_BASE_PATH", "/var/lib/sandlot/build-cache");
  const s3 = s3Config(read);
  const isLocal = provider === "local" || provider === "Local";
  if (isLocal || templateBucket === undefined) {
    const problem = isLocal ? undefined : "TEMPLATE_BUCKET_NAME must be set when STORAGE_PROVIDER is s3";
    return { templates: undefined, buildCache: { kind: "local", directory }, problem };
  }
  return {
    templates: { kind: "s3", ...s3, bucket: templateBucket },
    // One bucket serves for both: no build is called `contexts`.
    buildCache: { kind: "s3", ...s3, bucket: buildCacheBucket ?? templateBucket },
    problem: undefined,
  };
}

function s3Config(read: Reader): Omit<S3Settings, "bucket"> {
  const endpoint = read.optionalText("AWS_ENDPOINT_URL_S3") ?? read.optionalText("AWS_ENDPOINT_URL");
  const given = (secret: Secret): Secret | undefined => (secret.reveal() === "" ? undefined : secret);
  return {
    region: read.text("AWS_REGION", "us-east-1"),
    endpoint,
    usePathStyle: read.flag("S3_USE_PATH_STYLE", false),
    accessKeyId: read.optionalText("AWS_ACCESS_KEY_ID"),
    secretAccessKey: given(read.secret("AWS_SECRET_ACCESS_KEY", "")),
    sessionToken: given(read.secret("AWS_SESSION_TOKEN", "")),
  };
}
