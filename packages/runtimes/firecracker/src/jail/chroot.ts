/** What Firecracker sees as its file system, laid out before the jailer closes it. */
import { chmod, chown, link, mkdir, open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { copySparsely, linkOrNot } from "@sandlot/runtime-microvm";
import { INSIDE } from "../api/boot-requests";
import type { MachinePlaces } from "../journal";

const OTHERS_READ = 0o004;

export type ChrootPlan = {
  readonly places: MachinePlaces;
  readonly userId: number;
  /** Read-only files by their names inside; shared with other machines. */
  readonly shared: Readonly<Record<string, string>>;
  /** Copied to be the machine's own disk; absent, it has none. */
  readonly diskBase: string | undefined;
};

/**
 * Files that Firecracker writes have a second name outside, by which alone they are read: it owns its root directory and could
 * put anything in the place of the first. All names are made before it runs, never later.
 */
export async function layOutChroot(of: ChrootPlan): Promise<void> {
  const { root, own } = of.places;
  await mkdir(root, { recursive: true, mode: 0o755 });
  await mkdir(own, { mode: 0o700 });
  await mkdir(join(root, dirname(INSIDE.newMemory)), { mode: 0o755 });
  for (const [inside, from] of Object.entries(of.shared)) await linkOrCopy(from, join(root, inside));
  if (of.diskBase !== undefined) await copySparsely(of.diskBase, join(own, "disk.img"));
  const written = [INSIDE.newMemory, INSIDE.newState, ...(of.diskBase === undefined ? [] : [INSIDE.disk])];
  for (const inside of written) {
    const path = join(own, basename(inside));
    await (await open(path, "a", 0o600)).close();
    await chmod(path, 0o600);
    await chown(path, of.userId, of.userId);
    await link(path, join(root, inside));
  }
}

/** A copy only where the file lies on another file system, or is not for everyone to read. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  const isOpen = ((await stat(from)).mode & OTHERS_READ) !== 0;
  if (isOpen && (await linkOrNot(from, to))) return;
  await copySparsely(from, to);
  await chmod(to, 0o444);
}
