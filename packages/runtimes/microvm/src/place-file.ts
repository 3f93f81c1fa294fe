/** Large files where they are wanted: by a second name, or as a copy that takes no more room than it must. */
import { link } from "node:fs/promises";
import { firecrackerFaults } from "./faults";

const PATH = "/usr/sbin:/sbin:/usr/bin:/bin";

/** @returns false on another file system, where no link can be had */
export async function linkOrNot(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EXDEV") return false;
    throw thrown;
  }
}

/** Shares its blocks where the file system can, and keeps holes where it cannot. @throws Fault `firecracker_helper_failed` with what cp said */
export async function copySparsely(from: string, to: string): Promise<void> {
  const line = ["cp", "--reflink=auto", "--sparse=always", "--", from, to];
  const child = Bun.spawn(line, { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { PATH, LC_ALL: "C" } });
  const [reason, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (exitCode !== 0) throw firecrackerFaults.helper_failed({ command: "cp", reason: reason.trim() });
}
