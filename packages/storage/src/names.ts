/** What may name a build, a layer, a file of memory or an object, and where each lies below the artifacts' directory. */
import { storageFaults } from "./faults";

const BUILD_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;
export const SHA256 = /^[0-9a-f]{64}$/;

export const isBuildId = (text: string): boolean => BUILD_ID.test(text) && !text.includes("..");

/** No directories, nothing hidden: names come out of manifests, which come out of buckets. */
export const isFileName = (text: string): boolean => FILE_NAME.test(text);

/** @throws Fault `storage_bad_key` */
export function requireBuildId(buildId: string): string {
  if (!isBuildId(buildId)) throw storageFaults.bad_key({ key: buildId });
  return buildId;
}

/**
 * Slashes divide, no part is empty, `.` or `..`, nothing is longer than a file name may be and what is appended to it.
 * @throws Fault `storage_bad_key`
 */
export function requireKey(key: string): string {
  const parts = key.split("/");
  const isFine =
    key.length <= 900 && parts.every((part) => /^[A-Za-z0-9_=+.-]{1,210}$/.test(part) && !/^\.+$/.test(part));
  if (!isFine) throw storageFaults.bad_key({ key });
  return key;
}

export const KEYS = {
  manifest: (buildId: string) => `builds/${buildId}/build.json`,
  memory: (buildId: string, name: string) => `builds/${buildId}/memory/${name}`,
  /** The same as `packFile` makes it: how memory is put since there is that. */
  packed: (buildId: string, name: string) => `builds/${buildId}/packed/${name}.zst`,
  build: (buildId: string) => `builds/${buildId}/`,
  layer: ({ sha256, kind }: { sha256: string; kind?: string }) => `layers/${sha256}.${kind ?? "erofs"}`,
  guest: (name: string) => `guest/${name}.tar`,
} as const;
