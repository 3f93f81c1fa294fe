/**
 * Links under which a client may put one object without a key of ours. With a bucket they are the bucket's own; with a
 * directory a service of ours serves them (`receive-upload.ts`): query path, expires, max and token, as in behaviour.md §4.4.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "@sandlot/config";
import { storageFaults } from "../faults";
import { requireKey } from "../names";
import type { ObjectStorePlace } from "../objects/open-object-store";
import type { S3Settings } from "../s3-settings";

export type UploadLinkRequest = {
  readonly key: string;
  readonly ttlSeconds: number;
  /** Larger bodies are refused: at once with a directory, by whoever reads the object (`head`) with a bucket. */
  readonly maxBytes: number;
};

export type UploadLinks = AsyncDisposable & {
  /** A URL for one `PUT` with the exact bytes and no header but their length. */
  uploadLink(of: UploadLinkRequest): Promise<string>;
};

/** What a link of ours allows. */
export type Allowed = { readonly key: string; readonly maxBytes: number };

export async function openUploadLinks(of: {
  place: ObjectStorePlace;
  /** For a directory: where uploads are served (with the path, without the query), and what signs links. */
  local: { readonly url: string; readonly secret: Secret };
  nowMs?: () => number;
}): Promise<UploadLinks> {
  if (of.place.kind === "s3") return await s3Links(of.place);
  const nowMs = of.nowMs ?? Date.now;
  return {
    async uploadLink({ key, ttlSeconds, maxBytes }) {
      const expires = Math.floor(nowMs() / 1000) + ttlSeconds;
      const url = new URL(of.local.url);
      url.search = new URLSearchParams({
        path: requireKey(key),
        expires: String(expires),
        max: String(maxBytes),
        token: tokenOf(of.local.secret, { key, expires, maxBytes }),
      }).toString();
      return url.toString();
    },
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * Whether a link is one of ours and still holds. Takes the same time however wrong the token is.
 * @throws Fault `storage_link_refused`
 */
export function checkUploadLink(of: { query: URLSearchParams; secret: Secret; nowMs: number }): Allowed {
  const { query } = of;
  const key = query.get("path") ?? "";
  const expires = whole(query.get("expires"));
  const maxBytes = whole(query.get("max"));
  const token = Buffer.from(query.get("token") ?? "");
  const right = Buffer.from(tokenOf(of.secret, { key, expires, maxBytes }));
  if (token.length !== right.length || !timingSafeEqual(token, right))
    throw storageFaults.link_refused({ reason: "its token is wrong" });
  if (of.nowMs / 1000 > expires) throw storageFaults.link_refused({ reason: "it has expired" });
  return { key: requireKey(key), maxBytes };
}

function tokenOf(secret: Secret, of: { key: string; expires: number; maxBytes: number }): string {
  return createHmac("sha256", secret.reveal())
    .update(`sandlot upload\nPUT\n${of.key}\n${of.expires}\n${of.maxBytes}`)
    .digest("base64url");
}

/** Only plain digits, so that one number has one spelling. */
function whole(text: string | null): number {
  return text !== null && /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : -1;
}

async function s3Links(settings: S3Settings): Promise<UploadLinks> {
  const [{ s3Client }, { PutObjectCommand }, { getSignedUrl }] = await Promise.all([
    import("../objects/open-s3"),
    import("@aws-sdk/client-s3"),
    import("@aws-sdk/s3-request-presigner"),
  ]);
  const client = s3Client(settings);
  return {
    uploadLink: ({ key, ttlSeconds }) =>
      getSignedUrl(client, new PutObjectCommand({ Bucket: settings.bucket, Key: requireKey(key) }), {
        expiresIn: ttlSeconds,
      }),
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}
