/** Makes sealed memory ready for one machine: checks it, unpacks the small images, gives them the machine's ids. */
import { mkdirSync, writeFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { machineFaults, type RestoreFrom, type SealedFile } from "@sandlot/runtime-contract";
import { CONTAINER_IDS } from "@sandlot/runtime-host";
import { idMapImage } from "./criu-images";
import { digestOf } from "./file-digest";
import { limits } from "./limits";
import { type Image, isImageName, PACK_NAME, SEAL_FORMAT, unpackImages } from "./seal-format";

/** What of an image file was checked and found right, so that many restores of one seal read it once. */
export class CheckedFiles {
  readonly #known = new Map<string, string>();

  /** @throws Fault `machine_seal_unreadable` when the file is missing, of another size or of other content */
  async check(path: string, file: SealedFile): Promise<void> {
    const handle = await open(path, "r").catch((thrown) => {
      throw machineFaults.seal_unreadable({ reason: `${file.name} cannot be opened (${thrown.code})` });
    });
    try {
      const about = await handle.stat({ bigint: true });
      if (Number(about.size) !== file.sizeBytes)
        throw machineFaults.seal_unreadable({
          reason: `${file.name} has ${about.size} bytes and not ${file.sizeBytes}`,
        });
      const identity = `${about.dev}:${about.ino}:${about.size}:${about.mtimeNs}:${about.ctimeNs}`;
      if (this.#known.get(identity) === file.sha256) return;
      if ((await digestOf(handle)).sha256 !== file.sha256)
        throw machineFaults.seal_unreadable({ reason: `${file.name} is damaged: its checksum differs` });
      this.#known.set(identity, file.sha256);
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= limits.checkedFiles) break;
        this.#known.delete(oldest);
      }
    } finally {
      await handle.close();
    }
  }
}

/** @throws Fault `machine_seal_unreadable` */
export async function checkSeal(from: RestoreFrom, checked: CheckedFiles): Promise<void> {
  const { format, files, runtime } = from.memory;
  if (runtime !== "container" || format !== SEAL_FORMAT)
    throw machineFaults.seal_unreadable({
      reason: `it is of ${runtime} ${format}, and this host reads ${SEAL_FORMAT}`,
    });
  const bad = files.find(({ name }) => !isImageName(name));
  if (bad !== undefined) throw machineFaults.seal_unreadable({ reason: `it names a file ${JSON.stringify(bad.name)}` });
  if (!files.some(({ name }) => name === PACK_NAME))
    throw machineFaults.seal_unreadable({ reason: `it has no ${PACK_NAME}` });
  await Promise.all(files.map((file) => checked.check(join(from.directory, file.name), file)));
}

/** Writes the images that differ per machine, and an empty place for each large one.
 * @returns the large ones' paths */
export async function layOutImages(of: { from: RestoreFrom; to: string; idBase: number }): Promise<string[]> {
  const pack = unpackImages(await readFile(join(of.from.directory, PACK_NAME)));
  if (pack === undefined) throw machineFaults.seal_unreadable({ reason: `${PACK_NAME} is not one of ours` });
  const large = of.from.memory.files.filter(({ name }) => name !== PACK_NAME);
  mkdirSync(of.to, { mode: 0o755 });
  // In one go: these are small, many, and in memory until the kernel finds the time.
  for (const image of pack) writeFileSync(join(of.to, image.name), contentFor(image, of.idBase), { mode: 0o644 });
  for (const { name } of large) writeFileSync(join(of.to, name), "", { mode: 0o644 });
  return large.map(({ name }) => join(of.from.directory, name));
}

function contentFor(image: Image, idBase: number): Uint8Array {
  if (!/^userns-\d+\.img$/.test(image.name)) return image.bytes;
  return idMapImage(image.bytes, idBase, CONTAINER_IDS.idsPerRange);
}
