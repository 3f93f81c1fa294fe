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
