import { namesFaults } from "./faults";
import { limits } from "./limits";

/** `<command> add|remove <name> <value>`: sets or takes away a TXT record, and returns when the world can see it. */
export async function runDnsHook(of: {
  command: string;
  what: "add" | "remove";
  name: string;
  value: string;
}): Promise<void> {
  const { command, what, name, value } = of;
  const child = Bun.spawn([command, what, name, value], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: limits.hookMs,
  });
  const [text, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (exitCode !== 0) {
    throw namesFaults.hook_failed({ command, why: `exit code ${exitCode} ${text.slice(0, 300).trim()}`.trim() });
  }
}
