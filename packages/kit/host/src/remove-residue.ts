/** Takes away what an installation left, without asking any of its programs: the last resort of `down`. */
import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { findResidue, type Residue, type ResidueKind } from "./residue";
import { tryRun } from "./spawn";

/** What must go before what: a busy mount keeps its loop device, a living process its cgroup. */
const ORDER: readonly ResidueKind[] = ["process", "mount", "loop device", "namespace", "link", "nft table", "cgroup"];

const REMOVERS: { readonly [K in ResidueKind]: (name: string) => Promise<unknown> } = {
  process: async (name) => kill(Number(name.split(" ")[0])),
  mount: (name) => tryRun(["umount", "-l", name]),
  "loop device": (name) => tryRun(["losetup", "-d", name.split(" ")[0] ?? name]),
  namespace: (name) => tryRun(["ip", "netns", "del", name]),
  link: (name) => tryRun(["ip", "link", "del", name]),
  "nft table": (name) => tryRun(["nft", "delete", "table", ...name.split(" ")]),
  cgroup: async (name) => removeGroup(name),
};

/** Tries a few rounds, since one thing holds another. @returns what could not be removed */
export async function removeResidue(of: { tag: string; dataDir?: string }): Promise<Residue[]> {
  let left = await findResidue(of);
  for (let round = 0; round < 4 && left.length > 0; round += 1) {
    for (const kind of ORDER) {
      // Deepest first: later mounts lie upon earlier ones.
      for (const { name } of left.filter((one) => one.kind === kind).reverse()) await REMOVERS[kind](name);
    }
    await sleep(100);
    left = await findResidue(of);
  }
  return left;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It went by itself.
  }
}

function removeGroup(path: string): void {
  for (const entry of entries(path)) removeGroup(join(path, entry));
  try {
    for (const pid of readFileSync(join(path, "cgroup.procs"), "utf8").split("\n")) if (pid !== "") kill(Number(pid));
    rmdirSync(path);
  } catch {
    // Still busy: the next round tries again.
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
