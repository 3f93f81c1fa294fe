/** Manifests and indexes, both Docker's and OCI's. Pure. */
import { arch } from "node:os";
import { imageFaults } from "../faults";

export type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };
export type Manifest = { readonly config: Descriptor; readonly layers: readonly Descriptor[] };
export type IndexEntry = Descriptor & {
  readonly platform?: { readonly os?: string; readonly architecture?: string } | undefined;
};

export const INDEXES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
export const MANIFESTS: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const DIGEST = /^sha256:[0-9a-f]{64}$/;

function parseDescriptor(value: unknown): Descriptor | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { mediaType, digest, size } = value as Record<string, unknown>;
  const isFine =
    typeof mediaType === "string" &&
    typeof digest === "string" &&
    DIGEST.test(digest) &&
    typeof size === "number" &&
    Number.isSafeInteger(size) &&
    size >= 0;
  return isFine ? { mediaType, digest, size } : undefined;
}

/** @throws Fault `image_bad_answer` for what is no manifest, schema 1 included */
export function parseManifest(bytes: Buffer, host: string): Manifest {
  const { config, layers } = parseJson(bytes, host);
  const parsed = parseDescriptor(config);
  const list = Array.isArray(layers) ? layers.map(parseDescriptor) : undefined;
  if (parsed === undefined || list === undefined || list.some((layer) => layer === undefined)) {
    throw imageFaults.bad_answer({
      host,
      why: "what it gives is no image manifest of OCI or of Docker's second schema",
    });
  }
  return { config: parsed, layers: list as Descriptor[] };
}

/** Undefined when it lists no manifests: then it is one itself, whatever the answer's type says. */
export function readIndex(bytes: Buffer): IndexEntry[] | undefined {
  const { manifests } = parseJson(bytes, "the registry");
  if (!Array.isArray(manifests)) return undefined;
  return manifests.flatMap((value: unknown) => {
    const entry = parseDescriptor(value);
    return entry === undefined ? [] : [{ ...entry, platform: (value as IndexEntry).platform }];
  });
}

/** @throws Fault `image_no_platform` */
export function pickPlatform(entries: readonly IndexEntry[], reference: string): IndexEntry {
  const architecture = arch() === "x64" ? "amd64" : arch();
  const found = entries.find(({ platform }) => platform?.os === "linux" && platform.architecture === architecture);
  if (found === undefined) throw imageFaults.no_platform({ reference, platform: `linux/${architecture}` });
  return found;
}

function parseJson(bytes: Buffer, host: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw imageFaults.bad_answer({ host, why: "what it gives is not JSON" });
}

export type ImageConfig = { readonly env: Readonly<Record<string, string>>; readonly diffIds: readonly string[] };

/** @throws Fault `image_bad_answer` */
export function parseConfig(bytes: Buffer, layerCount: number): ImageConfig {
  const { config, rootfs } = parseJson(bytes, "the registry") as {
    config?: { Env?: unknown };
    rootfs?: { diff_ids?: unknown };
  };
  const diffIds = Array.isArray(rootfs?.diff_ids) ? rootfs.diff_ids.map(String) : [];
  if (diffIds.length !== layerCount) {
    throw imageFaults.bad_answer({
      host: "the registry",
      why: "the image's configuration names other layers than its manifest",
    });
  }
  const pairs = (Array.isArray(config?.Env) ? config.Env : []).map(String).filter((pair) => /^[^=]+=/.test(pair));
  const env = pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  return { env: Object.fromEntries(env), diffIds };
}
