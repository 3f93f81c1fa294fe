/** Which Firecracker binaries there are: an operator's list, since nothing of ours knows where to download them. */
import { readFile } from "node:fs/promises";
import { firecrackerFaults } from "../faults";
import { OLDEST_VERSION } from "../rules/api-rules";
import { isAtLeast, type Version } from "../rules/shape";

/** A file and what it must be. */
export type Pinned = {
  /** Absolute path, or an https URL. */
  readonly from: string;
  readonly sha256: string;
};

export type ConfiguredVersion = {
  /** As the binary tells it, e.g. `1.10.1`. */
  readonly version: string;
  readonly firecracker: Pinned;
  readonly jailer: Pinned;
};

export type VersionsFile = { readonly versions: readonly ConfiguredVersion[]; readonly kernel?: Pinned };

/**
 * Reads the operator's list: `{"versions":[{"version","firecracker":{"from","sha256"},"jailer":{…}}],"kernel":{…}?}`.
 * @throws Fault `firecracker_bad_versions`
 */
export async function loadVersionsFile(path: string): Promise<VersionsFile> {
  const wrong = (reason: string): Error => firecrackerFaults.bad_versions({ path, reason });
  const text = await readFile(path, "utf8").catch((thrown) => {
    throw wrong(thrown.code === "ENOENT" ? "there is no such file" : thrown.message);
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong("it is no JSON");
  }
  const { versions, kernel } = (parsed ?? {}) as Record<string, unknown>;
  if (!Array.isArray(versions) || versions.length === 0) throw wrong("`versions` must be a list of at least one");
  for (const [at, one] of versions.entries()) {
    const reason = whatIsWrongWith(one);
    if (reason !== undefined) throw wrong(`versions[${at}]: ${reason}`);
  }
  if (new Set(versions.map(({ version }) => version)).size < versions.length)
    throw wrong("a version stands there twice");
  if (kernel === undefined) return { versions };
  if (!isPinned(kernel)) throw wrong("`kernel` must hold `from` and `sha256`");
  return { versions, kernel };
}

function whatIsWrongWith(one: Partial<ConfiguredVersion> | null): string | undefined {
  const version = parseVersion(one?.version);
  if (version === undefined) return "`version` must be like 1.10.1";
  if (!isAtLeast(version, OLDEST_VERSION)) return `${one?.version} is too old: ${OLDEST_VERSION.join(".")} or newer`;
  if (!isPinned(one?.firecracker)) return "`firecracker` must hold `from` (absolute path or https URL) and `sha256`";
  return isPinned(one?.jailer) ? undefined : "`jailer` must hold `from` (absolute path or https URL) and `sha256`";
}

function isPinned(value: unknown): value is Pinned {
  const { from, sha256 } = (value ?? {}) as Record<string, unknown>;
  if (typeof from !== "string" || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return false;
  return from.startsWith("/") || (from.startsWith("https://") && URL.canParse(from));
}

export function parseVersion(text: unknown): Version | undefined {
  const found = /^v?(\d+)\.(\d+)\.\d+/.exec(String(text));
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}
