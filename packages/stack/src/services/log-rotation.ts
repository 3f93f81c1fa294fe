/** Keeps every log within its bound: the log and one older one. */
import { copyFileSync, readdirSync, renameSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { LOG_LIMIT_BYTES } from "../limits";

/**
 * Copies a full log aside and empties it in place: writers hold it open for appending and go on at the new end, so no
 * service needs to be told. A few lines written between copy and cut may be lost.
 */
export function rotateLogs(dir: string, limitBytes = LOG_LIMIT_BYTES): void {
  for (const name of readdirSync(dir).filter((entry) => entry.endsWith(".log"))) {
    const path = join(dir, name);
    if (statSync(path).size <= limitBytes) continue;
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, `${path}.1`);
    truncateSync(path, 0);
  }
}
