/** Builds to try a store with: small files of known content. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactStore, BuildManifest, ManifestFile } from "../src/artifact-store";

export async function tempDir(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sandlot-storage-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export const sha256Of = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** Nobody but the manifests needs anything. */
export const NOTHING_PINNED = { layerPaths: new Set<string>(), guestLayers: new Set<string>() };

export const GUEST = "0123456789abcdef0123456789abcdef";

export async function makeGuestLayer(directory: string): Promise<void> {
  const at = join(directory, "guest", GUEST, "usr/lib");
  await mkdir(at, { recursive: true });
  await writeFile(join(at, "init"), "the first process", { mode: 0o755 });
}

export type Draft = {
  readonly buildId: string;
  readonly layer: string;
  readonly below?: BuildManifest["layers"];
  readonly memory?: string;
  readonly kind?: "qcow2";
};

/** Stages and commits, zeros of memory as holes. @returns the manifest as it was written */
export async function commitDraft(store: ArtifactStore, draft: Draft): Promise<BuildManifest> {
  const below = draft.below ?? [];
  await using staged = await store.stage({ layers: below });
  await writeFile(join(staged.directory, "layer.erofs"), draft.layer);
  if (draft.memory !== undefined) {
    await mkdir(join(staged.directory, "memory"));
    await writeSparse(join(staged.directory, "memory/pages-1.img"), Buffer.from(draft.memory));
    await writeFile(join(staged.directory, "memory/core-1.img"), `core of ${draft.memory}`);
  }
  return await store.commit({ manifest: manifestOf(draft), staged, layer: "layer.erofs" });
}

async function writeSparse(path: string, bytes: Buffer): Promise<void> {
  await writeFile(path, "");
  await using file = await open(path, "r+");
  const zeros = Buffer.alloc(65_536);
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (!piece.equals(zeros.subarray(0, piece.length))) await file.write(piece, 0, piece.length, at);
  }
  await file.truncate(bytes.length);
}

export function manifestOf(draft: Draft): BuildManifest {
  const file = (name: string, content: string): ManifestFile => ({
    name,
    sizeBytes: Buffer.byteLength(content),
    sha256: sha256Of(content),
  });
  const { layer, memory } = draft;
  return {
    version: 2,
    buildId: draft.buildId,
    createdAt: "2026-11-22T00:00:00.000Z",
    layers: [
      {
        sha256: sha256Of(layer),
        sizeBytes: Buffer.byteLength(layer),
        ...(draft.kind === undefined ? {} : { kind: draft.kind }),
      },
      ...(draft.below ?? []),
    ],
    ...(memory === undefined
      ? {}
      : {
          memory: {
            runtime: "container" as const,
            format: "criu-1",
            files: [file("pages-1.img", memory), file("core-1.img", `core of ${memory}`)],
            guestLayer: GUEST,
          },
        }),
    user: "user",
    workdir: "/home/user",
    envs: { STEP: "one" },
    envdVersion: "0.6.13",
  };
}
