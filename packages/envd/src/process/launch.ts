/** From a request to a running child: shell wrapper, environment, identity, working directory, pipes or terminal. */
import { closeSync, realpathSync, statSync } from "node:fs";
import {
  asUser,
  isErrno,
  makePipe,
  openPty,
  ownNice,
  ProcessHandle,
  type PtySize,
  setNonBlocking,
  withCreds,
  withOomScore,
} from "@sandlot/linux";
import type { User } from "../users";
import { faults } from "./faults";
import type { OutputKind } from "./feed";

export type LaunchOptions = {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: User;
  /** Absent: pipes. */
  readonly pty: PtySize | undefined;
  /** Whether a pipe process can be written to; otherwise it reads an end of file. */
  readonly hasStdin: boolean;
};

export type Exit = {
  readonly exitCode: number | null;
  /** By name, or by number where it has none. */
  readonly signal: string | number | null;
  readonly hasDumpedCore: boolean;
};

export type Child = {
  readonly pid: number;
  readonly exited: Promise<Exit>;
};

export type Launched = {
  readonly child: Child;
  /** Ours to close. With a terminal, one descriptor serves both ways. */
  readonly outputs: readonly { readonly kind: OutputKind; readonly fd: number }[];
  readonly input: { readonly kind: "stdin" | "pty"; readonly fd: number } | undefined;
};

// The commands may be killed before envd when memory runs out. Errors are of no interest: the kernel may refuse.
const COMMAND_OOM_SCORE = 100;
const RAISE_OOM_SCORE = "{ echo 100 >/proc/$$/oom_score_adj; } 2>/dev/null";
// A session leader without a terminal gets the first one it opens as its controlling terminal.
const TAKE_TERMINAL = 'exec <>"$0" >&0 2>&0';
const RUN = 'exec "$@"';

/**
 * @throws Fault `process_cwd_missing`, `process_cwd_not_directory`, `process_start_failed`; a missing command is none of
 * these: the shell ends with 127 and says so on stderr
 */
export function launch(options: LaunchOptions): Launched {
  checkCwd(options);
  try {
    return options.pty === undefined ? launchOnPipes(options) : launchOnTerminal(options, options.pty);
  } catch (thrown) {
    throw faults.start_failed({ problem: describe(thrown) }, thrown);
  }
}

function launchOnPipes(options: LaunchOptions): Launched {
  const open: number[] = [];
  const pipe = (): { readFd: number; writeFd: number } => {
    // The user's own, so that the child may open it again by /dev/stdout.
    const ends = asUser(options.user, makePipe);
    open.push(ends.readFd, ends.writeFd);
    return ends;
  };
  try {
    const stdout = pipe();
    const stderr = pipe();
    const stdin = options.hasStdin ? pipe() : undefined;
    const stdio: [Stdio, Stdio, Stdio] = [stdin?.readFd ?? "ignore", stdout.writeFd, stderr.writeFd];
    const script = `${RAISE_OOM_SCORE}; ${RUN}`;
    const child = spawnDirectly(options, stdio) ?? spawn(options, { script, zero: "--", stdio });
    for (const fd of [stdout.writeFd, stderr.writeFd, ...(stdin === undefined ? [] : [stdin.readFd])]) closeSync(fd);
    if (stdin !== undefined) setNonBlocking(stdin.writeFd, "write");
    return {
      child,
      outputs: [
        { kind: "stdout", fd: stdout.readFd },
        { kind: "stderr", fd: stderr.readFd },
      ],
      input: stdin === undefined ? undefined : { kind: "stdin", fd: stdin.writeFd },
    };
  } catch (thrown) {
    for (const fd of open) closeSync(fd);
    throw thrown;
  }
}

function launchOnTerminal(options: LaunchOptions, size: PtySize): Launched {
  const { masterFd, path } = openPty({ size, owner: options.user });
  try {
    const script = `${RAISE_OOM_SCORE}; ${TAKE_TERMINAL}; ${RUN}`;
    const child = spawn(options, { script, zero: path, stdio: ["ignore", "ignore", "ignore"] });
    return { child, outputs: [{ kind: "pty", fd: masterFd }], input: { kind: "pty", fd: masterFd } };
  } catch (thrown) {
    closeSync(masterFd);
    throw thrown;
  }
}

type Stdio = number | "ignore";

function spawn(options: LaunchOptions, of: { script: string; zero: string; stdio: [Stdio, Stdio, Stdio] }): Child {
  const argv = ["/bin/sh", "-c", of.script, of.zero, ...politeness(), options.cmd, ...options.args];
  return run(options, { argv, envs: options.envs, stdio: of.stdio });
}

/** In a session of its own: what a command does to its process group must not reach envd. */
function run(
  { user, cwd }: LaunchOptions,
  of: { argv: string[]; envs: LaunchOptions["envs"]; stdio: [Stdio, Stdio, Stdio] },
): Child {
  const options = { cwd, env: { ...of.envs }, stdio: of.stdio, detached: true };
  const child = withCreds(user, () => Bun.spawn(of.argv, options));
  return { pid: child.pid, exited: exitOf(child) };
}

/**
 * Without the shell in between, which costs every command half a millisecond and changes nothing that can be seen:
 * what it would add is added here. Undefined when the shell must speak after all: no such program, no program at all.
 */
function spawnDirectly(options: LaunchOptions, stdio: [Stdio, Stdio, Stdio]): Child | undefined {
  if (!options.cmd.startsWith("/") || politeness().length > 0) return undefined;
  const envs = "PWD" in options.envs ? options.envs : { ...options.envs, PWD: realpathSync(options.cwd) };
  const argv = [options.cmd, ...options.args];
  try {
    return withOomScore(COMMAND_OOM_SCORE, () => run(options, { argv, envs, stdio }));
  } catch {
    return undefined;
  }
}

async function exitOf(child: Bun.Subprocess): Promise<Exit> {
  using handle = new ProcessHandle(child.pid);
  await child.exited;
  return { exitCode: child.exitCode, signal: child.signalCode, hasDumpedCore: handle.hasDumpedCore() };
}

let politenessWords: readonly string[] | undefined;

/** What brings a child back to ordinary priority when envd runs at a better one; decided once. */
function politeness(): readonly string[] {
  if (politenessWords === undefined) {
    const nice = ownNice();
    const nicePath = nice < 0 ? Bun.which("nice") : null;
    const ionicePath = nice < 0 ? Bun.which("ionice") : null; // the kernel derives the I/O priority from nice
    politenessWords = [
      ...(ionicePath === null ? [] : [ionicePath, "-c", "2", "-n", "4"]),
      ...(nicePath === null ? [] : [nicePath, "-n", String(-nice)]),
    ];
  }
  return politenessWords;
}

/** Asked as the user; the dot asks for the right to enter. */
function checkCwd({ cwd, user }: LaunchOptions): void {
  try {
    if (!asUser(user, () => statSync(cwd)).isDirectory()) throw faults.cwd_not_directory({ cwd });
    asUser(user, () => statSync(`${cwd}/.`));
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR")) throw faults.cwd_missing({ cwd }, thrown);
    if (isErrno(thrown, "EACCES")) throw faults.start_failed({ problem: `chdir ${cwd}: permission denied` }, thrown);
    throw thrown;
  }
}

function describe(thrown: unknown): string {
  if (isErrno(thrown, "EACCES")) return "permission denied";
  return thrown instanceof Error ? thrown.message : String(thrown);
}
