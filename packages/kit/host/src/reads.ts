/** Reads of what may be gone at any moment, or not be ours to see: nothing is the answer then. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Empty when it cannot be read. */
export const readText = (path: string): string => orElse(() => readFileSync(path, "utf8"), "");

/** Empty when it is no link, or cannot be read. */
export const readLink = (path: string): string => orElse(() => readlinkSync(path), "");

/** Names in the order of their spelling; none when it cannot be read. */
export const list = (dir: string): string[] => orElse(() => readdirSync(dir).sort(), []);

function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
