/** RUN: a login shell as the step's user, in its working directory, with its variables (behaviour §5.2). */
import { builderFaults } from "../faults";
import { runInGuest } from "../guest/process";
import { limits } from "../limits";
import type { StepContext } from "../recipe";
import type { StepDone, StepParts } from "./step-parts";

/** Where programs of every distribution lie; put behind a PATH that a recipe sets, so that `ENV PATH=/opt/bin` loses nothing. */
const STANDARD_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export async function runStep(parts: StepParts, args: readonly string[]): Promise<StepDone> {
  const [command, user] = args;
  if (command === undefined || command === "") throw builderFaults.step_arguments({ why: "RUN requires a command" });
  await runAs(parts, { command, context: parts.context, ...(user ? { user } : {}), timeoutMs: limits.stepMs });
  return { context: parts.context, hasChangedDisk: true };
}

/** @throws Fault `build_command_failed` with the last lines of its output */
export async function runAs(
  parts: StepParts,
  of: { command: string; context: StepContext; user?: string; timeoutMs: number },
): Promise<void> {
  const { command, context } = of;
  const lastLines: string[] = [];
  const { problem } = await runInGuest(
    {
      address: parts.address,
      user: of.user ?? context.user,
      ...shellCommand(command, context),
      timeoutMs: of.timeoutMs,
      onLine(line, from) {
        parts.output(line, from);
        lastLines.push(line);
        if (lastLines.length > limits.lastLines) lastLines.shift();
      },
    },
    parts.signal,
  );
  if (problem === undefined) return;
  throw builderFaults.command_failed({ command, why: `command failed: ${problem}`, lastLines });
}

/** A recipe's shell text as a process: also for start and ready commands. */
export function shellCommand(command: string, context: StepContext) {
  const envs = withStandardDirs(context.envs);
  // A login shell reads /etc/profile, which sets PATH anew on most distributions: the recipe's own is said once more.
  const path = context.envs.PATH === undefined ? "" : `export PATH=${quote(envs.PATH ?? "")}; `;
  return { cmd: "/bin/bash", args: ["-l", "-c", `${path}${command}`], envs, cwd: context.workdir ?? "~" };
}

export function withStandardDirs(envs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (envs.PATH === undefined) return envs;
  const dirs = envs.PATH.split(":").filter((dir) => dir !== "");
  return { ...envs, PATH: [...dirs, ...STANDARD_DIRS.filter((dir) => !dirs.includes(dir))].join(":") };
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
