import { describe, expect, it } from "bun:test";
import { readEnv } from "@sandlot/config";
import { storageConfig } from "./config";

const read = (env: Record<string, string>) => readEnv(env, storageConfig);

describe(storageConfig, () => {
  it("is a directory unless said otherwise", () => {
    const { templates, buildCache, problem } = read({});
    expect([templates, problem]).toEqual([undefined, undefined]);
    expect(buildCache).toEqual({ kind: "local", directory: "/var/lib/sandlot/build-cache" });
  });

  it("reads a bucket in the words of the wire contract and in ours, and keeps the key's secret to itself", () => {
    const env = {
      TEMPLATE_BUCKET_NAME: "b",
      AWS_ENDPOINT_URL_S3: "http://10.0.0.9:9000",
      S3_USE_PATH_STYLE: "true",
      AWS_ACCESS_KEY_ID: "id",
      AWS_SECRET_ACCESS_KEY: "hush",
      AWS_REGION: "eu-central-1",
    };
    for (const STORAGE_PROVIDER of ["s3", "AWSBucket"]) {
      const { templates, buildCache } = read({ ...env, STORAGE_PROVIDER });
      expect(templates).toMatchObject({ kind: "s3", bucket: "b", usePathStyle: true, region: "eu-central-1" });
      expect(buildCache).toMatchObject({ kind: "s3", bucket: "b" });
      expect(JSON.stringify(templates)).not.toContain("hush");
    }
    const cache = read({ ...env, STORAGE_PROVIDER: "s3", BUILD_CACHE_BUCKET_NAME: "c" }).buildCache;
    expect(cache).toMatchObject({ bucket: "c" });
  });

  it("names what is missing", () => {
    expect(read({ STORAGE_PROVIDER: "s3" }).problem).toContain("TEMPLATE_BUCKET_NAME");
    expect(() => read({ STORAGE_PROVIDER: "tape" })).toThrow("STORAGE_PROVIDER");
  });
});
