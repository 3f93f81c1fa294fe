import type { ImageLimits } from "./types";

/** Unless the caller says otherwise. */
export const IMAGE_LIMITS: ImageLimits = {
  unpackedBytes: 25_000 * 1024 * 1024, // what upstream allows a base image
  blobBytes: 10 * 1024 * 1024 * 1024,
  entries: 2_000_000,
  layers: 128, // Docker's own bound
};

/** Manifests, indexes, configs and token answers are read whole. */
export const DOCUMENT_BYTES = 8 * 1024 * 1024;

/** Registries redirect once, to where the blobs are; some twice. */
export const REDIRECTS = 5;

/** A registry that says nothing for so long is given up. */
export const IDLE_MS = 60_000;

/** Layers fetched side by side. */
export const PARALLEL_LAYERS = 3;

/** Path names of an archive's entry; the kernel takes no longer ones. */
export const NAME_BYTES = 4_096;

/** Extended headers of one entry: attributes, long names. */
export const HEADER_BYTES = 1024 * 1024;
