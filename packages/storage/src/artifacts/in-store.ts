/**
 * Which builds of this disk the object store has. A build without the mark is one to upload: what is to be done is written
 * nowhere else, so nothing can be forgotten, and a store that was configured later gets everything.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../durable";
import { isBuildId } from "../names";
import type { Layout } from "./layout";

const MARK = "in-store";

export async function markInStore(buildDirectory: string, storeName: string): Promise<void> {
  await writeWhole(join(buildDirectory, MARK), `${storeName}\n`);
}

/** Committed here, and not known to be in the store of that name; the oldest first. */
export async function buildsToUpload(layout: Layout, storeName: string): Promise<string[]> {
  const found: { buildId: string; sinceMs: number }[] = [];
  for (const buildId of await readdir(layout.builds)) {
    if (!isBuildId(buildId)) continue;
    const manifest = await stat(layout.manifest(buildId)).catch(() => undefined);
    if (manifest === undefined) continue;
    const mark = await readFile(join(layout.build(buildId), MARK), "utf8").catch(() => "");
    if (mark.trim() !== storeName) found.push({ buildId, sinceMs: manifest.mtimeMs });
  }
  return found.sort((a, b) => a.sinceMs - b.sinceMs).map(({ buildId }) => buildId);
}
