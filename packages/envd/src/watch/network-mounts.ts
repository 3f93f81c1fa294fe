/** File systems whose changes made elsewhere inotify does not see. */
import { statfsSync } from "node:fs";

const NETWORK_MAGICS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0xff534d42, // CIFS
  0x517b, // SMB
  0xfe534d42, // SMB 2 and later
  0x65735546, // FUSE
]);

/** @throws errno errors */
export function isOnNetworkMount(path: string): boolean {
  return NETWORK_MAGICS.has(Number(statfsSync(path).type) >>> 0);
}
