/** Objects in a bucket of Amazon's S3 or whatever speaks like it. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { asFault } from "../durable";
import { requireKey } from "../names";
import type { ObjectStore, StoredObject } from "../object-store";
import type { S3Settings } from "../s3-settings";
import { download } from "./download";
import { translate } from "./s3-faults";

const MiB = 1024 ** 2;
const PART_BYTES = 8 * MiB;
/** A bucket takes ten thousand parts at most. */
const PARTS = 9_000;
const PARTS_AT_ONCE = 3;

function s3Client(of: S3Settings): S3Client {
  const secret = of.secretAccessKey?.reveal() ?? "";
  const credentials: Pick<S3ClientConfig, "credentials"> =
    of.accessKeyId === undefined || secret === ""
      ? {} // the usual places: instance roles, profiles
      : {
          credentials: {
            accessKeyId: of.accessKeyId,
            secretAccessKey: secret,
            ...(of.sessionToken === undefined ? {} : { sessionToken: of.sessionToken.reveal() }),
          },
        };
  return new S3Client({
    region: of.region,
    forcePathStyle: of.usePathStyle,
    ...(of.endpoint === undefined ? {} : { endpoint: of.endpoint }),
    ...credentials,
    retryMode: "standard",
    maxAttempts: of.maxAttempts ?? 5,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
    // Trailing checksums are Amazon's own; others refuse them. What is read is compared with manifests anyway.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

export async function openS3ObjectStore(of: S3Settings): Promise<ObjectStore> {
  const client = s3Client(of);
  const at = (key: string) => ({ Bucket: of.bucket, Key: requireKey(key) });

  async function put(of: { key: string; bytes: Readable; atMostBytes: number }, signal: AbortSignal): Promise<void> {
    const { key, bytes } = of;
    // Parts are held whole, so that one that fails is sent again and not the file.
    const upload = new Upload({
      client,
      params: { ...at(key), Body: bytes },
      partSize: Math.max(PART_BYTES, Math.ceil(of.atMostBytes / PARTS)),
      queueSize: PARTS_AT_ONCE,
    });
    const stop = (): void => void upload.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      await upload.done();
    } catch (thrown) {
      if (bytes.errored !== null && !signal.aborted) throw asFault(bytes.errored, key); // ours, not the bucket's
      throw translate(thrown, key, signal);
    } finally {
      signal.removeEventListener("abort", stop);
      bytes.destroy();
    }
  }

  async function head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      const found = await client.send(new HeadObjectCommand(at(key)), { abortSignal: signal });
      return { key, sizeBytes: found.ContentLength ?? 0, changedAtMs: found.LastModified?.getTime() ?? 0 };
    } catch (thrown) {
      const fault = translate(thrown, key, signal);
      if (fault.code === "storage_missing") return undefined;
      throw fault;
    }
  }

  return {
    kind: "s3",
    name: `s3://${of.bucket} at ${of.endpoint ?? of.region}`,
    async putFile({ key, path }, signal) {
      signal.throwIfAborted();
      const { size } = await stat(path);
      await put({ key, bytes: createReadStream(path), atMostBytes: size }, signal);
    },
    putStream: put,
    putBytes: async ({ key, bytes }, signal) => {
      await client.send(new PutObjectCommand({ ...at(key), Body: bytes }), { abortSignal: signal }).catch((thrown) => {
        throw translate(thrown, key, signal);
      });
    },
    getFile: ({ key, path }, signal) => download({ client, where: at(key), path }, signal),
    async getBytes(key, signal) {
      try {
        const found = await client.send(new GetObjectCommand(at(key)), { abortSignal: signal });
        return (await found.Body?.transformToByteArray()) ?? new Uint8Array();
      } catch (thrown) {
        throw translate(thrown, key, signal);
      }
    },
    head,
    async remove(key, signal) {
      await client.send(new DeleteObjectCommand(at(key)), { abortSignal: signal }).catch((thrown) => {
        throw translate(thrown, key, signal);
      });
    },
    uploadLink: ({ key, ttlSeconds }) => getSignedUrl(client, new PutObjectCommand(at(key)), { expiresIn: ttlSeconds }),
    list: (prefix, signal) => list({ client, bucket: of.bucket, prefix }, signal),
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}

async function* list(
  of: { client: S3Client; bucket: string; prefix: string },
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  do {
    const page = await of.client
      .send(
        new ListObjectsV2Command({
          Bucket: of.bucket,
          Prefix: of.prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        { abortSignal: signal },
      )
      .catch((thrown) => {
        throw translate(thrown, of.prefix, signal);
      });
    for (const { Key: key, Size: sizeBytes = 0, LastModified: changed } of page.Contents ?? [])
      if (key !== undefined) yield { key, sizeBytes, changedAtMs: changed?.getTime() ?? 0 };
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
