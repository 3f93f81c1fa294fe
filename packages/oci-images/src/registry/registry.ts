/** One image of one registry: its manifest for this machine, its config, its layers; nothing is believed that has a digest. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { imageFaults } from "../faults";
import type { RegistrySource } from "../mirrors";
import type { RegistryCredentials } from "../types";
import { answerChallenge, basicOf, parseChallenge } from "./auth";
import { ask, readDocument } from "./http";
import { type Descriptor, INDEXES, MANIFESTS, type Manifest, parseManifest, pickPlatform, readIndex } from "./manifest";

export type RegistryImage = {
  readonly manifest: Manifest;
  readonly digest: string;
  /** Checked against its digest. */
  readonly config: Buffer;
  /** Writes one layer as it is sent, checked against its digest and size. */
  fetchLayer(layer: Descriptor, path: string): Promise<void>;
};

export type OpenImage = {
  readonly source: RegistrySource;
  readonly reference: string;
  readonly credentials: RegistryCredentials | undefined;
  readonly blobBytes: number;
  readonly signal?: AbortSignal | undefined;
};

/** @throws Fault `image_*` */
export async function openImage(of: OpenImage): Promise<RegistryImage> {
  const get = await authenticated(of);
  const wanted = of.source.digest ?? of.source.tag ?? "latest";
  const first = await readManifest(get, of, wanted, [...INDEXES, ...MANIFESTS]);
  const index = readIndex(first.bytes);
  const chosen = index === undefined ? undefined : pickPlatform(index, of.reference);
  const last = chosen === undefined ? first : await readManifest(get, of, chosen.digest, MANIFESTS);
  const manifest = parseManifest(last.bytes, new URL(of.source.origin).host);
  const config = await readBlob(get, of, manifest.config);
  return {
    manifest,
    digest: last.digest,
    config,
    fetchLayer: (layer, path) => fetchLayer(get, of, layer, path),
  };
}

type Get = (path: string, accept: readonly string[]) => Promise<IncomingMessage>;

/** Asks as nobody first: the registry says what it wants to know. The answer serves for the whole image. */
async function authenticated(of: OpenImage): Promise<Get> {
  const { credentials, reference, signal, source } = of;
  const trustedOrigin = source.isTrusted ? source.origin : undefined;
  let authorization: string | undefined;
  return async (path, accept) => {
    const url = new URL(`/v2/${source.repository}/${path}`, source.origin);
    const send = (): Promise<IncomingMessage> => {
      const headers = { accept: accept.join(", "), ...(authorization === undefined ? {} : { authorization }) };
      return ask({ url, headers, trustedOrigin, signal });
    };
    const answer = await send();
    if (answer.statusCode !== 401) return answer;
    const challenge = parseChallenge(answer.headers["www-authenticate"]);
    answer.destroy();
    if (challenge === undefined) throw imageFaults.denied({ reference, status: 401 });
    const basic = await basicOf(credentials, { nowMs: Date.now(), signal });
    authorization = await answerChallenge({
      ...{ challenge, basic, reference, trustedOrigin, signal },
      repository: source.repository,
      origin: source.origin,
    });
    return await send();
  };
}

async function readManifest(
  get: Get,
  of: OpenImage,
  wanted: string,
  accept: readonly string[],
): Promise<{ bytes: Buffer; digest: string }> {
  const host = new URL(of.source.origin).host;
  const answer = checked(await get(`manifests/${wanted}`, accept), of);
  const bytes = await readDocument(answer, host);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (wanted.startsWith("sha256:") && digest !== wanted) {
    throw imageFaults.wrong_digest({ what: "the image's manifest", wanted, got: digest });
  }
  return { bytes, digest };
}

function checked(answer: IncomingMessage, { reference, source }: OpenImage): IncomingMessage {
  const status = answer.statusCode ?? 0;
  if (status === 200) return answer;
  answer.destroy();
  if (status === 404) throw imageFaults.not_found({ reference });
  if (status === 401 || status === 403) throw imageFaults.denied({ reference, status });
  throw imageFaults.bad_answer({ host: new URL(source.origin).host, why: `status ${status}` });
}

async function readBlob(get: Get, of: OpenImage, { digest }: Descriptor): Promise<Buffer> {
  const bytes = await readDocument(checked(await get(`blobs/${digest}`, ["*/*"]), of), of.source.origin);
  const got = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (got !== digest) throw imageFaults.wrong_digest({ what: "the image's configuration", wanted: digest, got });
  return bytes;
}

async function fetchLayer(get: Get, of: OpenImage, layer: Descriptor, path: string): Promise<void> {
  if (layer.size > of.blobBytes) throw imageFaults.too_large({ what: "a layer", limit: `${of.blobBytes} bytes` });
  const answer = checked(await get(`blobs/${layer.digest}`, ["*/*"]), of);
  const hash = createHash("sha256");
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      if (size > layer.size) {
        done(imageFaults.wrong_digest({ what: "a layer", wanted: `${layer.size} bytes`, got: "more" }));
      } else done(null, chunk);
    },
  });
  await pipeline(
    answer,
    count,
    createWriteStream(path, { mode: 0o600 }),
    of.signal === undefined ? {} : { signal: of.signal },
  );
  const got = `sha256:${hash.digest("hex")}`;
  if (got !== layer.digest) throw imageFaults.wrong_digest({ what: "a layer", wanted: layer.digest, got });
}
