import { firecrackerFaults } from "../faults";

const PATH = "/usr/sbin:/sbin:/usr/bin:/bin";

/** Runs a program of the system to its end. @throws Fault `firecracker_helper_failed` with what it said */
export async function runTool(...line: string[]): Promise<void> {
  const child = Bun.spawn(line, { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { PATH, LC_ALL: "C" } });
  const [reason, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (exitCode !== 0) throw firecrackerFaults.helper_failed({ command: line[0] ?? "", reason: reason.trim() });
}

/** A copy that shares its blocks where the file system can, and keeps holes where it cannot. */
export function copySparsely(from: string, to: string): Promise<void> {
  return runTool("cp", "--reflink=auto", "--sparse=always", "--", from, to);
}
