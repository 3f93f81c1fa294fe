/** Large files where they are wanted: by a second name, or as a copy that takes no more room than it must. */
import { link } from "node:fs/promises";
import { runTool } from "./run-tool";

/** @returns false where no link can be had: on another file system, or of a file that has as many names as it may */
export async function linkOrNot(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "EXDEV" || code === "EMLINK") return false;
    throw thrown;
  }
}

/** Shares its blocks where the file system can, and keeps holes where it cannot. @throws Fault `microvm_disk_failed` with what cp said */
export function copySparsely(from: string, to: string): Promise<void> {
  return runTool(["cp", "--reflink=auto", "--sparse=always", "--", from, to]);
}
