import type { ObjectStore } from "../object-store";
import type { S3Settings } from "../s3-settings";
import { openLocalObjectStore } from "./open-local";

export type ObjectStorePlace =
  | { readonly kind: "local"; readonly directory: string }
  | ({ readonly kind: "s3" } & S3Settings);

/** Whoever opens it closes it. S3's client is loaded only where it is used: it is most of this package's weight. */
export async function openObjectStore(place: ObjectStorePlace): Promise<ObjectStore> {
  if (place.kind === "local") return await openLocalObjectStore(place);
  const { openS3ObjectStore } = await import("./open-s3");
  return await openS3ObjectStore(place);
}
