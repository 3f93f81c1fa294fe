/** Programs of the distribution that make file systems and images. */
import { createHash } from "node:crypto";
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

/** One for a file system, always the same for the same text. */
export function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}
