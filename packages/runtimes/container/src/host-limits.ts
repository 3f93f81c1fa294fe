/**
 * Counters of the kernel's that all machines and the host draw from, and that no cgroup divides: at their defaults one
 * machine could take all. They are raised so far that a machine's own memory or process limit ends first. As with
 * ip_forward, each installation notes in /run what it found, and the last to leave puts back what the first one found.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Path below /proc/sys and the least value wanted, in an order that the kernel takes. */
const WANTED: ReadonlyMap<string, number> = new Map([
  ["kernel/pid_max", 4_194_304], // default 32768: four fork bombs
  ["kernel/pty/max", 1_048_576], // default 4096, of which machines may take 3072
  ["fs/aio-max-nr", 268_435_456], // default 65536: one call of io_setup
  // All machines count as one user of the host's, its root; a watcher and a watch are paid for by the machine's memory.
  ["fs/inotify/max_user_instances", 1_073_741_824], // default 128 watchers
  ["fs/inotify/max_user_watches", 1_073_741_824], // default by memory, 192536 at 24 GB: three large source trees
  ["net/ipv4/neigh/default/gc_thresh3", 65_536], // default 1024 for all namespaces together
  ["net/ipv4/neigh/default/gc_thresh2", 32_768],
]);
const PREFIX = "host_limits.";

type Values = Record<string, number>;
export type HostLimitPlaces = { readonly sysDir: string; readonly notesDir: string };
const HOST: HostLimitPlaces = { sysDir: "/proc/sys", notesDir: "/run/sandlot" };

/** Raises what is lower, and remembers for this tag what it was before anyone of us came. Idempotent.
 * @returns the paths that this kernel would not raise */
export async function holdHostLimits(tag: string, places: HostLimitPlaces = HOST): Promise<string[]> {
  await mkdir(places.notesDir, { recursive: true, mode: 0o755 });
  const notes = await readNotes(places);
  // What any note says was found before it was raised; a note of an earlier release may lack what is new in this one.
  const before: Values = Object.assign({}, await readAll(places), ...notes.values());
  await writeFile(join(places.notesDir, PREFIX + tag), JSON.stringify(before));
  const refused: string[] = [];
  for (const [path, wanted] of WANTED) {
    const now = await read(places, path);
    if (now === undefined || now >= wanted) continue;
    await writeFile(join(places.sysDir, path), String(wanted)).catch(() => refused.push(path));
  }
  return refused;
}

/** Takes this tag's note away; the last one puts back what is still as we set it. Idempotent. */
export async function dropHostLimits(tag: string, places: HostLimitPlaces = HOST): Promise<void> {
  const notes = await readNotes(places);
  const before = notes.get(tag);
  if (before === undefined) return;
  await rm(join(places.notesDir, PREFIX + tag), { force: true });
  if (notes.size > 1) return;
  for (const [path, wanted] of [...WANTED].reverse()) {
    const value = before[path];
    if (value === undefined || value >= wanted || (await read(places, path)) !== wanted) continue;
    await writeFile(join(places.sysDir, path), String(value)).catch(() => undefined);
  }
}

async function readAll(places: HostLimitPlaces): Promise<Values> {
  const values: Values = {};
  for (const path of WANTED.keys()) {
    const value = await read(places, path);
    if (value !== undefined) values[path] = value;
  }
  return values;
}

async function read({ sysDir }: HostLimitPlaces, path: string): Promise<number | undefined> {
  const text = await readFile(join(sysDir, path), "utf8").catch(() => "");
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

async function readNotes({ notesDir }: HostLimitPlaces): Promise<Map<string, Values>> {
  const notes = new Map<string, Values>();
  for (const name of await readdir(notesDir).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const text = await readFile(join(notesDir, name), "utf8").catch(() => "{}");
    try {
      notes.set(name.slice(PREFIX.length), JSON.parse(text) as Values);
    } catch {
      // Cut short by a crash: what it held is unknown, and nothing is put back in its name.
    }
  }
  return notes;
}
