import { totalmem } from "node:os";

const BYTES_PER_WARM = 384 * 1024 * 1024;

/**
 * Machines kept ready where nobody says how many: each takes some 14 MB, so this is 4 % of the memory. At least as many
 * as one person asks for in a row, at most what a burst of a hundred finds half of its machines in.
 */
export function defaultWarm(memoryBytes = totalmem()): number {
  return Math.min(64, Math.max(4, Math.floor(memoryBytes / BYTES_PER_WARM)));
}
