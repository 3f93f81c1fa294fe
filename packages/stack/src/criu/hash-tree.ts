import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Twelve hex digits that stand for the names, modes and contents below a directory. For trees of some tens of MB. */
export async function hashTree(root: string): Promise<string> {
  const hash = createHash("sha256");
  const walk = (relative: string): void => {
    const path = join(root, relative);
    const stat = lstatSync(path);
    hash.update(`${relative}\0${stat.mode.toString(8)}\0`);
    if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stat.isFile()) hash.update(createHash("sha256").update(readFileSync(path)).digest());
    else if (stat.isDirectory()) for (const name of readdirSync(path).sort()) walk(join(relative, name));
  };
  walk("");
  return hash.digest("hex").slice(0, 12);
}
