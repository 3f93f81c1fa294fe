/** A terminal in a sandbox, joined to the terminal here. */
import type { ReadStream, WriteStream } from "node:tty";
import type { Interrupts } from "../command";
import { exitCodeOf, type GuestProcesses, guestFault } from "./guest";

/** Ctrl-] leaves, as in telnet: no shell and few editors want that key. */
export const LEAVE_KEY = 0x1d;

export type Terminal = { readonly input: ReadStream; readonly output: WriteStream };
export type ShellEnd = { readonly exitCode: number } | { readonly leftPid: number };

/**
 * Until the shell ends, or the person leaves it, or this process is told to end: then it goes on in the sandbox and can be
 * joined again by its pid. The terminal here is put back in any case.
 */
export async function shellInGuest(of: {
  guest: GuestProcesses;
  sandboxId: string;
  joinPid: number | undefined;
  terminal: Terminal;
  interrupts: Interrupts;
  termName: string;
}): Promise<ShellEnd> {
  const { guest, terminal } = of;
  const leave = new AbortController();
  const signal = AbortSignal.any([leave.signal, of.interrupts.first]);
  const pty = { size: sizeOf(terminal.output) };
  const shell = { cmd: "/bin/bash", args: ["-i", "-l"], envs: { TERM: of.termName } };
  let pid = of.joinPid;
  let raw: Disposable | undefined;
  try {
    const events =
      pid === undefined
        ? guest.start({ process: shell, pty }, { signal })
        : guest.connect({ process: byPid(pid) }, { signal });
    for await (const { event } of events) {
      const what = event?.event;
      if (what?.case === "start") {
        pid = what.value.pid;
        raw ??= carryInput({ guest, pid, terminal, leave });
      } else if (what?.case === "data" && what.value.output.case === "pty") {
        terminal.output.write(what.value.output.value);
      } else if (what?.case === "end") return { exitCode: exitCodeOf(what.value) };
    }
  } catch (thrown) {
    if (!signal.aborted) throw guestFault(thrown, of.sandboxId);
  } finally {
    raw?.[Symbol.dispose]();
  }
  return signal.aborted && pid !== undefined ? { leftPid: pid } : { exitCode: 1 };
}

const byPid = (pid: number) => ({ selector: { case: "pid", value: pid } }) as const;
const sizeOf = (output: WriteStream) => ({ cols: output.columns || 80, rows: output.rows || 24 });

/** Keys and sizes go there in the order they come. Disposing puts the terminal back. */
function carryInput(of: {
  guest: GuestProcesses;
  pid: number;
  terminal: Terminal;
  leave: AbortController;
}): Disposable {
  const { guest, terminal, leave } = of;
  const { input, output } = terminal;
  const process = byPid(of.pid);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (send: () => Promise<unknown>): void => {
    last = last.then(send).catch(() => undefined); // the stream of events tells when the shell is gone
  };
  const onData = (keys: Buffer): void => {
    const at = keys.indexOf(LEAVE_KEY);
    const wanted = Uint8Array.from(at < 0 ? keys : keys.subarray(0, at));
    if (wanted.length > 0) inTurn(() => guest.sendInput({ process, input: { input: { case: "pty", value: wanted } } }));
    if (at >= 0) inTurn(async () => leave.abort());
  };
  const onResize = (): void => inTurn(() => guest.update({ process, pty: { size: sizeOf(output) } }));
  input.setRawMode(true);
  input.on("data", onData);
  input.on("end", () => leave.abort());
  input.resume();
  output.on("resize", onResize);
  onResize(); // also tells a shell that is joined again how large this terminal is
  return {
    [Symbol.dispose]() {
      output.off("resize", onResize);
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
    },
  };
}
