import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathsOf } from "../paths";
import { parseStorage, storageEnv } from "./storage-setting";

const dir = mkdtempSync(join(tmpdir(), "sandlot-storage-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("understands a directory and a bucket, and nothing else", () => {
  expect(parseStorage("local")).toBe("local");
  expect(parseStorage("s3://builds")).toEqual({
    bucket: "builds",
    endpoint: "",
    region: "us-east-1",
    usePathStyle: false,
  });
  expect(parseStorage("s3://builds?endpoint=http://10.0.0.2:9000&region=eu")).toMatchObject({
    endpoint: "http://10.0.0.2:9000",
    region: "eu",
    usePathStyle: true,
  });
  expect(parseStorage("s3://builds?endpoint=https://x&path-style=false")).toMatchObject({ usePathStyle: false });
  for (const wrong of [
    "",
    "s3",
    "s3://",
    "s3://UP",
    "s3://b?x=1",
    "s3://bucket?endpoint=x",
    "s3://bucket/prefix",
    "gs://b",
  ])
    expect(parseStorage(wrong)).toBeUndefined();
});

test("keeps the bucket's keys of one up for the next, to the owner alone", () => {
  const of = { settings: { storage: "s3://builds?endpoint=http://h:1" }, paths: pathsOf(dir) };
  const first = storageEnv(of, { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "hush" });
  expect(first).toMatchObject({
    STORAGE_PROVIDER: "s3",
    TEMPLATE_BUCKET_NAME: "builds",
    AWS_SECRET_ACCESS_KEY: "hush",
  });
  expect(storageEnv(of, {})).toEqual(first);
  expect(statSync(join(dir, "bucket-keys.json")).mode & 0o777).toBe(0o600);
  expect(storageEnv({ ...of, settings: { storage: undefined } }, {})).toEqual({
    STORAGE_PROVIDER: "local",
    LOCAL_BUILD_CACHE_STORAGE_BASE_PATH: join(dir, "build-cache"),
  });
});
