/** Guests are promised more disk than there is: below the watermark nothing new is started, so that they never see I/O errors. */
import { statfs } from "node:fs/promises";
import { type DiskSpace, isDiskLow } from "@sandlot/domain";
import { nodeFaults } from "../faults";

/** `path` lies on the disk that holds the machines. */
export async function readDiskSpace(path: string): Promise<DiskSpace> {
  const disk = await statfs(path);
  return { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize };
}

/** One statfs, some microseconds. @throws Fault `node_disk_low` */
export async function requireDiskRoom(of: { path: string; reserveMiB: number | undefined }): Promise<void> {
  const space = await readDiskSpace(of.path);
  if (isDiskLow(space, of.reserveMiB))
    throw nodeFaults.disk_low({ freeMiB: Math.floor(space.freeBytes / 1024 ** 2), path: of.path });
}

/** Refuses before anything is frozen what would drive the disk below its watermark. @throws Fault `node_disk_low_for_seal` */
export async function requireSealRoom(of: {
  path: string;
  reserveMiB: number | undefined;
  /** At most what it may take: sealed layers and memory leave out what is empty. */
  wantedBytes: number;
}): Promise<void> {
  const space = await readDiskSpace(of.path);
  if (!isDiskLow({ ...space, freeBytes: space.freeBytes - of.wantedBytes }, of.reserveMiB)) return;
  const [freeMiB, wantedMiB] = [space.freeBytes, of.wantedBytes].map((bytes) => Math.ceil(bytes / 1024 ** 2));
  throw nodeFaults.disk_low_for_seal({ freeMiB: freeMiB ?? 0, wantedMiB: wantedMiB ?? 0, path: of.path });
}
