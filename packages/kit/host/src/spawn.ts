/** Children that live on when their parent is killed, and short commands that are waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { hostFaults } from "./faults";
import { markOf, type ProcessMark } from "./processes";

export type Detached = { readonly mark: ProcessMark; readonly child: ChildProcess };

/**
 * Starts a program in a session of its own, with output appended to `logPath`: it outlives this process and never sees
 * its terminal's Ctrl-C. `user` runs it under another account by `setpriv`, which keeps the pid.
 * @throws Fault `host_command_failed` when it cannot be started or ends at once
 */
export async function spawnDetached(of: {
  argv: readonly [string, ...string[]];
  logPath: string;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  user?: string;
}): Promise<Detached> {
  const [file, ...args] = of.user === undefined ? of.argv : asUser(of.user, of.argv);
  const log = openSync(of.logPath, "a", 0o640);
  try {
    const child = spawn(file, args, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: of.cwd ?? "/",
      env: { ...(of.env ?? inherited()) },
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    }).catch((thrown: Error) => {
      throw hostFaults.command_failed({ command: of.argv[0], exitCode: -1, output: thrown.message }, thrown);
    });
    child.unref();
    const mark = child.pid === undefined ? undefined : markOf(child.pid);
    if (mark === undefined) {
      const exitCode = child.exitCode ?? -1;
      throw hostFaults.command_failed({ command: of.argv[0], exitCode, output: `see ${of.logPath}` });
    }
    return { mark, child };
  } finally {
    closeSync(log);
  }
}

/** The few variables a system program needs; nothing else of the caller's environment leaks into servers. */
export function inherited(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", HOME: "/" };
}

export function asUser(user: string, argv: readonly [string, ...string[]]): [string, ...string[]] {
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups", "--", ...argv];
}

/**
 * Runs a short command and returns its standard output.
 * @throws Fault `host_command_failed` with the last lines it wrote when it exits other than 0
 */
export async function run(
  argv: readonly [string, ...string[]],
  of: { env?: Readonly<Record<string, string>>; cwd?: string; user?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const result = await tryRun(argv, of);
  if (result.exitCode !== 0) {
    const output = `${result.stderr}\n${result.stdout}`.trim().split("\n").slice(-5).join("; ");
    throw hostFaults.command_failed({ command: argv.slice(0, 3).join(" "), exitCode: result.exitCode, output });
  }
  return result.stdout;
}

/** Runs a short command; exit code 127 when there is no such program. */
export async function tryRun(
  argv: readonly [string, ...string[]],
  of: { env?: Readonly<Record<string, string>>; cwd?: string; user?: string; signal?: AbortSignal } = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const full = of.user === undefined ? [...argv] : asUser(of.user, argv);
  try {
    const child = Bun.spawn(full, {
      cwd: of.cwd ?? "/",
      env: { ...(of.env ?? inherited()) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(of.signal === undefined ? {} : { signal: of.signal }),
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exitCode, stdout, stderr };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") {
      return { exitCode: 127, stdout: "", stderr: `${argv[0]}: not found` };
    }
    throw thrown;
  }
}
