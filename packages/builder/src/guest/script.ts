/** Our own small shell scripts inside the machine, as root. They take what is the user's as arguments, never as text. */
import { limits } from "../limits";
import { type GuestEnd, runInGuest } from "./process";

export type ScriptEnd = GuestEnd & {
  readonly stdout: string;
  /** The last lines of either output, for a message. */
  readonly lastLines: readonly string[];
};

export async function runScript(
  of: {
    address: string;
    script: string;
    args?: readonly string[];
    envs?: Readonly<Record<string, string>>;
    timeoutMs?: number;
    onLine?: (line: string, from: "stdout" | "stderr") => void;
  },
  signal: AbortSignal,
): Promise<ScriptEnd> {
  const { address, script, args = [], envs = {}, timeoutMs = limits.scriptMs, onLine } = of;
  let stdout = "";
  const lastLines: string[] = [];
  const end = await runInGuest(
    {
      address,
      user: "root",
      cmd: "/bin/sh",
      args: ["-c", script, "sandlot", ...args],
      envs: { LC_ALL: "C", ...envs },
      cwd: "/",
      timeoutMs,
      onLine(line, from) {
        if (from === "stdout" && stdout.length < limits.scriptAnswerChars) stdout += `${line}\n`;
        lastLines.push(line);
        if (lastLines.length > limits.lastLines) lastLines.shift();
        onLine?.(line, from);
      },
    },
    signal,
  );
  return { ...end, stdout, lastLines };
}

/** What went wrong, in one line. */
export function sayProblem({ problem, lastLines }: ScriptEnd): string {
  return [lastLines.at(-1), problem].filter((part) => part !== undefined && part !== "").join(" - ");
}
