/**
 * The host's `ip_forward` switch, shared by all installations on the machine: each notes in /run what it found, and the
 * last one to leave puts back what the first one found. /run is empty after a reboot, as is the switch.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";

const SWITCH = "/proc/sys/net/ipv4/ip_forward";
const NOTES = "/run/sandlot";
const PREFIX = "ip_forward.";

/** Turns forwarding on and remembers for this tag what it was before anyone of us came. Idempotent. */
export async function holdForwarding(tag: string): Promise<void> {
  await mkdir(NOTES, { recursive: true, mode: 0o755 });
  const notes = await readNotes();
  const isOn = (await readFile(SWITCH, "utf8")).trim() !== "0";
  if (!notes.has(tag)) {
    // On because another installation turned it on is still "off before us".
    const before = isOn && ![...notes.values()].includes("0") ? "1" : "0";
    await writeFile(`${NOTES}/${PREFIX}${tag}`, before);
  }
  if (!isOn) await writeFile(SWITCH, "1");
}

/** Whether someone turned the switch off behind our back; it is on again when this returns. */
export async function mendForwarding(): Promise<boolean> {
  if ((await readFile(SWITCH, "utf8")).trim() !== "0") return false;
  await writeFile(SWITCH, "1");
  return true;
}

/**
 * Takes this tag's note away and turns forwarding off if it was off before, no other installation holds it, and no bridge
 * has come up that wants it (Docker does not turn it on again when it found it on).
 */
export async function dropForwarding(tag: string): Promise<void> {
  const notes = await readNotes();
  const before = notes.get(tag);
  if (before === undefined) return;
  await rm(`${NOTES}/${PREFIX}${tag}`, { force: true });
  notes.delete(tag);
  if (before === "0" && notes.size === 0 && !(await hasBridge())) await writeFile(SWITCH, "0");
}

async function readNotes(): Promise<Map<string, string>> {
  const notes = new Map<string, string>();
  for (const name of await readdir(NOTES).catch(() => []))
    if (name.startsWith(PREFIX))
      notes.set(name.slice(PREFIX.length), (await readFile(`${NOTES}/${name}`, "utf8").catch(() => "0")).trim());
  return notes;
}

async function hasBridge(): Promise<boolean> {
  for (const link of await readdir("/sys/class/net"))
    if ((await readdir(`/sys/class/net/${link}/bridge`).catch(() => [])).length > 0) return true;
  return false;
}
