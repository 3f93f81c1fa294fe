/** A guest's first root: its init and the modules without which it would not see its disks. */
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isThere } from "@sandlot/runtime-host";
import { microvmFaults } from "../faults";
import { type ArchiveEntry, cpioArchive } from "./cpio";

/** Lists the modules of `boot/` in the order in which they are to be loaded: the virtio device each is for (0: all), and its file. */
export const BOOT_ORDER = "boot/order";

/** @returns the archive's path; its name tells what it was made of, so that older ones stay for those who use them */
export async function ensureInitramfs(of: { directory: string; initPath: string }): Promise<string> {
  const archive = cpioArchive(await entriesOf(of));
  const hash = createHash("sha256").update(archive).digest("hex").slice(0, 12);
  const path = join(of.directory, `initramfs-${hash}`);
  if (await isThere(path)) return path;
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, archive, { mode: 0o644, flush: true });
  await rename(draft, path);
  return path;
}

async function entriesOf(of: { directory: string; initPath: string }): Promise<ArchiveEntry[]> {
  const read = async (path: string): Promise<Uint8Array> => {
    try {
      return await readFile(path);
    } catch (thrown) {
      throw microvmFaults.no_kernel({ directory: of.directory, reason: `cannot read ${path}` }, thrown);
    }
  };
  const order = Buffer.from(await read(join(of.directory, BOOT_ORDER))).toString("utf8");
  const names = order.split("\n").flatMap((line) => line.split(" ")[1] ?? []);
  const modules = await Promise.all(names.map((name) => read(join(of.directory, "boot", name))));
  return [
    { kind: "directory", name: "dev", mode: 0o755 },
    // The kernel opens it for its first program before anything is mounted.
    { kind: "device", name: "dev/console", mode: 0o600, major: 5, minor: 1 },
    ...["proc", "sys", "boot", "root", "sbin"].map((name) => ({ kind: "directory", name, mode: 0o755 }) as const),
    { kind: "file", name: "init", mode: 0o755, bytes: await read(of.initPath) },
    // What the kernel runs when something asks for a module it has not loaded.
    { kind: "link", name: "sbin/modprobe", target: "/init" },
    { kind: "file", name: BOOT_ORDER, mode: 0o644, bytes: Buffer.from(order) },
    ...names.map(
      (name, at): ArchiveEntry => ({
        kind: "file",
        name: `boot/${name}`,
        mode: 0o644,
        bytes: modules[at] ?? new Uint8Array(),
      }),
    ),
  ];
}
