/** Makes sealed memory ready for one machine: checks it, unpacks the small images, gives them the machine's ids. */
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { machineFaults, type RestoreFrom } from "@sandlot/runtime-contract";
import { type CheckedFiles, CONTAINER_IDS } from "@sandlot/runtime-host";
import { idMapImage } from "./criu-images";
import { type Image, isImageName, PACK_NAME, SEAL_FORMAT, unpackImages } from "./seal-format";

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
