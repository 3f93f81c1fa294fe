/** The static C helper, one short process per call. It alone makes mounts, namespaces and links. */
import { closeSync, openSync } from "node:fs";
import { runtimeFaults } from "./faults";

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
