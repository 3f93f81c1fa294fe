/** The static C helper, one short process per call. It alone makes mounts, namespaces and links. */
import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeFaults } from "./faults";
import { formatLaunchConfig, type LaunchPair, readRecord } from "./machine-dir";

/** Output of a failed call is one line `error<TAB>stage<TAB>text`. */
export type LauncherError = { readonly stage: string; readonly reason: string };

export function parseLauncherError(output: string): LauncherError {
  for (const line of output.split("\n")) {
    const [kind, stage, ...rest] = line.split("\t");
    if (kind === "error" && stage !== undefined) return { stage, reason: rest.join(" ") };
  }
  return { stage: "launcher", reason: output.trim() === "" ? "it ended without a word" : output.trim() };
}

/** Runs one subcommand to its end.
 * @throws Fault `runtime_helper_failed`; the signal's reason when it aborts first, even if the helper hangs in the kernel */
export async function runLauncher(launcherPath: string, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const child = Bun.spawn([launcherPath, ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: {} });
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => {
    child.kill("SIGKILL");
    aborted.reject(signal?.reason);
  };
  signal?.addEventListener("abort", stop, { once: true });
  const done = Promise.all([new Response(child.stderr).text(), child.exited]);
  const [output, exitCode] = await Promise.race([done, aborted.promise]);
  signal?.removeEventListener("abort", stop);
  if (exitCode === 0) return;
  const { stage, reason } = parseLauncherError(output);
  throw runtimeFaults.helper_failed({ command: args.join(" "), reason: `${stage}: ${reason}` });
}

/** Where a machine's launcher finds what it is to make, and later to take away. */
export function launchConfigIn(dir: string): string {
  return join(dir, "launch.conf");
}

/**
 * Ends a machine in whatever state it is and takes away what its launcher made.
 * @param of.known what carries its name, for one that broke off before, or while, its journal was written
 * @throws Fault `runtime_helper_failed`
 */
export async function endLaunched(of: {
  launcherPath: string;
  dir: string;
  known: readonly LaunchPair[];
}): Promise<void> {
  const configPath = launchConfigIn(of.dir);
  if ((await readRecord(of.dir)) === undefined) {
    await mkdir(of.dir, { recursive: true });
    const broken = ({ what }: { what: string }): Error => runtimeFaults.helper_failed({ command: "end", reason: what });
    await writeFile(configPath, formatLaunchConfig([["machine_dir", of.dir], ...of.known], broken));
  }
  await runLauncher(of.launcherPath, ["end", "--config", configPath]);
}

export type Launched = {
  readonly initPid: number;
  /** Settles when the launcher, and so the machine, has ended. */
  readonly exited: Promise<unknown>;
};

/**
 * Starts a machine's launcher, which goes on living without us: own session, files for output.
 * @throws Fault `runtime_launch_failed`; the signal's reason when it aborts first (the launcher is then dead, not swept)
 */
export async function launch(of: {
  launcherPath: string;
  machineId: string;
  configPath: string;
  logPath: string;
  /** More of why it failed, when there is more. */
  explain?: () => Promise<string | undefined>;
  signal: AbortSignal;
}): Promise<Launched> {
  const log = openSync(of.logPath, "a", 0o600);
  const child = Bun.spawn([of.launcherPath, "launch", "--config", of.configPath], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: log,
    env: {},
    cwd: "/",
    detached: true,
  });
  closeSync(log);
  child.unref();
  const stop = (): void => child.kill("SIGKILL");
  of.signal.addEventListener("abort", stop, { once: true });
  try {
    const said = await new Response(child.stdout).text();
    of.signal.throwIfAborted();
    const [kind, pid] = said.trim().split("\t");
    if (kind === "ready") return { initPid: Number(pid), exited: child.exited };
    const { stage, reason } = parseLauncherError(said);
    const more = await of.explain?.();
    const whole = more === undefined ? reason : `${reason} (${more})`;
    throw runtimeFaults.launch_failed({ machineId: of.machineId, stage, reason: whole });
  } finally {
    of.signal.removeEventListener("abort", stop);
  }
}
