/** The immutable file that a restored machine's memory is mapped from: a name of its own for it, and its checksum. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

export type MappedMemory = { readonly path: string; readonly sizeBytes: number; readonly sha256: string };

const NAME = "memory";
const NOTE = "memory.json";

export const mappedPath = (machineDir: string): string => join(machineDir, NAME);

/** Undefined for a machine that was booted: all of its memory is its own. */
export async function readMapped(machineDir: string): Promise<MappedMemory | undefined> {
  const text = await readFile(join(machineDir, NOTE), "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown;
  });
  if (text === undefined) return undefined;
  const { sha256 } = JSON.parse(text) as { sha256: string };
  const path = mappedPath(machineDir);
  return { path, sizeBytes: (await stat(path)).size, sha256 };
}

export async function noteMapped(machineDir: string, sha256: string): Promise<void> {
  await writeFile(join(machineDir, NOTE), JSON.stringify({ sha256 }));
}
