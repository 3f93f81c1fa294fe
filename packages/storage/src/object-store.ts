/** Named, immutable-once-written bytes: a directory, or a bucket of an S3-compatible service. One conformance suite for all. */
import type { Readable } from "node:stream";

export type StoredObject = { readonly key: string; readonly sizeBytes: number; readonly changedAtMs: number };

export type ObjectStore = AsyncDisposable & {
  readonly kind: "local" | "s3";
  /** Tells this store from others, e.g. `s3://bucket at https://…`; the same after a restart. */
  readonly name: string;
  /** Whole or not at all, and durable when it resolves. Replaces what was there. @throws Fault `storage_unreachable` */
  putFile(of: { key: string; path: string }, signal: AbortSignal): Promise<void>;
  /** As `putFile`, of bytes that are made meanwhile. It takes them all or destroys the stream. */
  putStream(of: { key: string; bytes: Readable; atMostBytes: number }, signal: AbortSignal): Promise<void>;
  putBytes(of: { key: string; bytes: Uint8Array }, signal: AbortSignal): Promise<void>;
  /** Whole or not at all at `path`. @throws Fault `storage_missing`, `storage_unreachable` */
  getFile(of: { key: string; path: string }, signal: AbortSignal): Promise<void>;
  getBytes(key: string, signal: AbortSignal): Promise<Uint8Array>;
  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** A key that is not there is no error. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /**
   * A URL by which somebody without our keys may put one object (`PUT`, no header but its length). Undefined where nobody
   * but a service of ours could take it: a directory has no door of its own.
   */
  uploadLink(of: { key: string; ttlSeconds: number }): Promise<string | undefined>;
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
};
