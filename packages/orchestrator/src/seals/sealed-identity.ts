/**
 * What the node must know of sealed memory to give it another identity: the token its envd still asks for. It lies beside
 * the pages of envd's own memory, which hold the same secret, and is guarded as they are; the manifest says only its hash.
 */
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SandboxConfig } from "@sandlot/contracts/orchestrator";
import type { SealedFile } from "@sandlot/runtime-contract";
import type { LoadedBuild } from "@sandlot/storage";
import { nodeFaults } from "../faults";

/** Among the files of a build's memory; the runtime does not know it. */
export const IDENTITY_FILE = "identity.json";

export type SealedIdentity = {
  /** Of the sandbox that was sealed; a machine that was nobody's has none. */
  readonly accessToken: string | undefined;
  readonly envVars: Readonly<Record<string, string>>;
};

export function identityOf(config: SandboxConfig | undefined): SealedIdentity {
  const token = config?.envdAccessToken;
  return { accessToken: token === "" ? undefined : token, envVars: { ...config?.envVars } };
}

/** Writes it, on the disk when it resolves, readable by root only. */
export async function writeIdentity(memoryDir: string, identity: SealedIdentity): Promise<SealedFile> {
  const bytes = new TextEncoder().encode(JSON.stringify(identity));
  const file = await open(join(memoryDir, IDENTITY_FILE), "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return { name: IDENTITY_FILE, sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Undefined for a build without memory. @throws Fault `node_build_broken` */
export async function sealedIdentityOf({ manifest, memoryDir }: LoadedBuild): Promise<SealedIdentity | undefined> {
  if (manifest.memory === undefined || memoryDir === undefined) return undefined;
  // A machine that was nobody's was sealed without: there is nothing to prove.
  if (!manifest.memory.files.some(({ name }) => name === IDENTITY_FILE)) return identityOf(undefined);
  try {
    const parsed = JSON.parse(await readFile(join(memoryDir, IDENTITY_FILE), "utf8"));
    if (typeof parsed?.envVars !== "object") throw new Error("it holds no variables");
    return parsed;
  } catch (thrown) {
    const reason = `the identity of its memory cannot be read: ${thrown}`;
    throw nodeFaults.build_broken({ buildId: manifest.buildId, reason }, thrown);
  }
}
