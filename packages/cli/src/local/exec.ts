/** Runs a command in a sandbox as if it were here: its output, its input, its exit code. */
import type { Interrupts } from "../command";
import { exitCodeOf, type GuestProcesses, guestFault } from "./guest";

export type ExecStreams = {
  /** Undefined: the command reads nothing. */
  readonly input: AsyncIterable<Uint8Array> | undefined;
  /** Resolve when there is room for more: a slow reader slows the command down. */
  out(chunk: Uint8Array): Promise<void>;
  err(chunk: Uint8Array): Promise<void>;
};

/** A first interrupt ends the command in the sandbox, a second one stops waiting for it. @returns its exit code */
export async function execInGuest(of: {
  guest: GuestProcesses;
  sandboxId: string;
  argv: readonly string[];
  cwd: string | undefined;
  envs: Readonly<Record<string, string>>;
  streams: ExecStreams;
  interrupts: Interrupts;
}): Promise<number> {
  const { guest, streams, interrupts } = of;
  const [cmd = "", ...args] = of.argv;
  const process = { cmd, args, envs: { ...of.envs }, ...(of.cwd === undefined ? {} : { cwd: of.cwd }) };
  const over = new AbortController();
  let exitCode: number | undefined;
  try {
    const events = guest.start(
      { process, stdin: streams.input !== undefined },
      { signal: AbortSignal.any([over.signal, interrupts.second]) },
    );
    for await (const { event } of events) {
      const what = event?.event;
      if (what?.case === "start") {
        const { pid } = what.value;
        endWhenInterrupted(guest, pid, interrupts, over.signal);
        if (streams.input !== undefined) void feed({ guest, pid, input: streams.input, over: over.signal });
      } else if (what?.case === "data") {
        const { output } = what.value;
        if (output.case === "stdout") await streams.out(output.value);
        if (output.case === "stderr") await streams.err(output.value);
      } else if (what?.case === "end") exitCode = exitCodeOf(what.value);
    }
  } catch (thrown) {
    if (interrupts.second.aborted) throw interrupts.second.reason;
    throw guestFault(thrown, of.sandboxId);
  } finally {
    over.abort();
  }
  return exitCode ?? 1;
}

function endWhenInterrupted(guest: GuestProcesses, pid: number, { first }: Interrupts, over: AbortSignal): void {
  const end = (): void => {
    const process = { selector: { case: "pid", value: pid } } as const;
    guest.sendSignal({ process, signal: 15 }).catch(() => undefined); // it may just have ended
  };
  if (first.aborted) end();
  else first.addEventListener("abort", end, { once: true, signal: over });
}

/** A command that stopped reading, or ended, makes the rest of the input unwanted: that is no failure. */
async function feed(of: {
  guest: GuestProcesses;
  pid: number;
  input: AsyncIterable<Uint8Array>;
  over: AbortSignal;
}): Promise<void> {
  const process = { selector: { case: "pid", value: of.pid } } as const;
  const { over: signal } = of;
  try {
    for await (const chunk of of.input) {
      if (signal.aborted) return;
      await of.guest.sendInput({ process, input: { input: { case: "stdin", value: chunk } } }, { signal });
    }
    await of.guest.closeStdin({ process }, { signal });
  } catch {
    // Said above.
  }
}
