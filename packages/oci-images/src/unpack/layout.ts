/** An OCI layout on disk, of plain tars: what umoci unpacks. */
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type PlainLayer = { readonly path: string; readonly diffId: string; readonly sizeBytes: number };

/** Moves the layers in. Media types are OCI's, whatever the registry's were. */
export function writeLayout(of: {
  dir: string;
  config: Buffer;
  layers: readonly PlainLayer[];
  /** Each distinct tar once. */
  files: readonly PlainLayer[];
}): void {
  const blobs = join(of.dir, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Buffer, mediaType: string) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  for (const { diffId, path } of of.files) renameSync(path, join(blobs, diffId.replace("sha256:", "")));
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: put(of.config, "application/vnd.oci.image.config.v1+json"),
    layers: of.layers.map(({ diffId, sizeBytes }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: diffId,
      size: sizeBytes,
    })),
  };
  const described = put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  const named = { ...described, annotations: { "org.opencontainers.image.ref.name": "image" } };
  writeFileSync(join(of.dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(of.dir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}
