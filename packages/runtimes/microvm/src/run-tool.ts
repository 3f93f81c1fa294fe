/** Programs of the distribution that make file systems and images. */
import { microvmFaults } from "./faults";

/** @throws Fault `microvm_disk_failed` with what it said last */
export async function runTool(argv: readonly [string, ...string[]], signal?: AbortSignal): Promise<void> {
  const child = Bun.spawn([...argv], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    ...(signal === undefined ? {} : { signal }),
  });
  const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  signal?.throwIfAborted();
  if (exitCode !== 0)
    throw microvmFaults.disk_failed({
      command: argv[0],
      reason: said.trim().split("\n").slice(-3).join("; ") || `exit code ${exitCode}`,
    });
}
