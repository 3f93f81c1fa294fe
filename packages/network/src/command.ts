/** Runs the distribution's own network tools. Arguments are lists, input goes by standard input: nothing is quoted. */
import { networkFaults } from "./faults";
import { limits } from "./limits";

/**
 * Runs one tool to its end and returns its standard output.
 * @throws Fault `network_command_failed` with the tool's own words
 */
export async function runTool(command: readonly [string, ...string[]], input = ""): Promise<string> {
  let child: Bun.Subprocess<Buffer, "pipe", "pipe">;
  try {
    child = Bun.spawn([...command], {
      stdin: Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: limits.commandMs,
      killSignal: "SIGKILL",
    });
  } catch (thrown) {
    throw networkFaults.command_failed({ command: command[0], reason: String(thrown) }, thrown);
  }
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return out;
  const reason = err.trim().slice(0, 500) || `exit code ${code}`;
  throw networkFaults.command_failed({ command: command.slice(0, 3).join(" "), reason });
}

/** Several `ip` commands in one process. With `force` it goes on after a failure, and failures are no error. */
export async function runIpBatch(lines: readonly string[], force = false): Promise<void> {
  if (lines.length === 0) return;
  const input = `${lines.join("\n")}\n`;
  if (!force) await runTool(["ip", "-batch", "-"], input);
  else await runTool(["ip", "-force", "-batch", "-"], input).catch(() => undefined);
}

/** Applies a ruleset as one transaction, in the host's namespace or in the one at `netnsPath`. */
export async function runNft(ruleset: string, netnsPath?: string): Promise<void> {
  if (netnsPath === undefined) await runTool(["nft", "-f", "-"], ruleset);
  else await runTool(["nsenter", `--net=${netnsPath}`, "nft", "-f", "-"], ruleset);
}
