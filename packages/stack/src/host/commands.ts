/** Long commands of the system whose lines are worth watching. */
import { inherited } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";

const STOP_GRACE_MS = 3_000;

/**
 * Runs to the end, calling `onLine` for each line of both streams. An abort asks its whole process group to end, kills what
 * is left of it after three seconds, and waits for that.
 * @returns exit code and the last lines
 */
export async function watchCommand(of: {
  argv: readonly [string, ...string[]];
  onLine?: (line: string) => void;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  signal?: AbortSignal | undefined;
}): Promise<{ exitCode: number; tail: string }> {
  of.signal?.throwIfAborted();
  const child = Bun.spawn([...of.argv], {
    cwd: of.cwd ?? "/",
    env: { ...inherited(), ...of.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true, // a group of its own: stopping it must reach its children too
  });
  const stop = (): void => {
    signalGroup(child.pid, "SIGTERM");
    // One that does not listen is not waited for long; what it left is cleared by its caller.
    void Promise.race([child.exited, sleep(STOP_GRACE_MS)]).then(() => signalGroup(child.pid, "SIGKILL"));
  };
  of.signal?.addEventListener("abort", stop, { once: true });
  const last: string[] = [];
  const take = (line: string): void => {
    last.push(line);
    if (last.length > 12) last.shift();
    of.onLine?.(line);
  };
  try {
    await Promise.all([eachLine(child.stdout, take), eachLine(child.stderr, take)]);
    const exitCode = await child.exited;
    of.signal?.throwIfAborted();
    return {
      exitCode,
      tail: last
        .filter((line) => line.trim() !== "")
        .slice(-6)
        .join("; "),
    };
  } finally {
    of.signal?.removeEventListener("abort", stop);
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group is gone.
  }
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}
