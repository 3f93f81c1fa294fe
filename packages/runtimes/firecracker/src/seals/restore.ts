/** Makes sealed memory ready for one machine: checks it, and lays it out as one file that Firecracker can map. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { machineFaults, type RestoreFrom } from "@sandlot/runtime-contract";
import { type CheckedFiles, isThere } from "@sandlot/runtime-host";
import { type FileCache, nameOfFiles, type TakenFile } from "../disks/file-cache";
import { type About, checkFit, type Here, parseAbout, SEAL_FORMAT } from "./about";
import { ABOUT_NAME, BASE_NAME, composeMemory, DIFF_NAME, STATE_NAME } from "./memory-files";

const KNOWN: readonly string[] = [BASE_NAME, DIFF_NAME, STATE_NAME, ABOUT_NAME];

/** @throws Fault `machine_seal_unreadable` */
export async function checkSeal(of: { from: RestoreFrom; checked: CheckedFiles; here: Here }): Promise<About> {
  const { format, files, runtime } = of.from.memory;
  const refuse = (reason: string): Error => machineFaults.seal_unreadable({ reason });
  if (runtime !== "firecracker" || format !== SEAL_FORMAT)
    throw refuse(`it is of ${runtime} ${format}, and this host reads firecracker ${SEAL_FORMAT}`);
  const strange = files.find(({ name }) => !KNOWN.includes(name));
  if (strange !== undefined) throw refuse(`it names a file ${JSON.stringify(strange.name)}`);
  const missing = KNOWN.find((name) => name !== DIFF_NAME && !files.some((file) => file.name === name));
  if (missing !== undefined) throw refuse(`it has no ${missing}`);
  await Promise.all(files.map((file) => of.checked.check(join(of.from.directory, file.name), file)));
  const about = parseAbout(await readFile(join(of.from.directory, ABOUT_NAME), "utf8"));
  checkFit(about, of.here);
  return about;
}

/** The memory as one file: the base itself, or base and diff put together, once for all machines of a seal. */
export async function takeMemoryFile(of: {
  from: RestoreFrom;
  cache: FileCache;
  signal: AbortSignal;
}): Promise<TakenFile> {
  const { directory } = of.from;
  const base = join(directory, BASE_NAME);
  const diff = join(directory, DIFF_NAME);
  if (!(await isThere(diff))) return { path: base, [Symbol.dispose]: () => undefined };
  const name = await nameOfFiles("memory", [base, diff]);
  return of.cache.take(name, (draft) => composeMemory({ directory, draft }, of.signal));
}
