/** How much of a node's disk stays free, so that guests' writable disks, which are promised more than there is, can grow. */
export const DISK_RESERVE_PERCENT = 5;
export const DISK_RESERVE_MAX_BYTES = 2 * 1024 ** 3;

export type DiskSpace = { readonly totalBytes: number; readonly freeBytes: number };

/** What was said, else 5 % of the disk, at most 2 GiB. */
export function diskReserveBytes(of: { totalBytes: number; reserveMiB: number | undefined }): number {
  if (of.reserveMiB !== undefined) return of.reserveMiB * 1024 ** 2;
  return Math.min((of.totalBytes * DISK_RESERVE_PERCENT) / 100, DISK_RESERVE_MAX_BYTES);
}

/** Below the watermark nothing new is started there. */
export function isDiskLow(space: DiskSpace, reserveMiB: number | undefined): boolean {
  return space.freeBytes < diskReserveBytes({ totalBytes: space.totalBytes, reserveMiB });
}
