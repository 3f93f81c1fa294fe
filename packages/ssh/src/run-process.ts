import type { ProcessEvent } from "@sandlot/contracts/envd/process";
import type { ServerChannel } from "ssh2";
import type { Guest } from "./guest";

export type TerminalSize = { readonly cols: number; readonly rows: number };
export type ProcessOrder = {
  /** What a shell is to run; undefined: a login shell. */
  readonly command: string | undefined;
  readonly terminal: TerminalSize | undefined;
  readonly variables: Readonly<Record<string, string>>;
};

/** A program that runs for a channel, for what the client asks of it meanwhile. */
export type RunningProcess = {
  resize(size: TerminalSize): void;
  /** By its name without SIG. */
  signal(name: string): void;
};

const [SIGTERM, SIGKILL] = [15, 9] as const;
const SHELL = "/bin/bash";

/** Runs a program and joins its streams with the channel's, until it ends: then the channel has its exit code, and closes. */
export function runProcess(guest: Guest, channel: ServerChannel, order: ProcessOrder): RunningProcess {
  const { command, terminal } = order;
  const pid = Promise.withResolvers<number>();
  pid.promise.catch(() => undefined);
  const over = new AbortController();
  const byPid = (value: number) => ({ selector: { case: "pid", value } }) as const;
  const args = [...(command === undefined && terminal !== undefined ? ["-i"] : []), "-l"];
  if (command !== undefined) args.push("-c", command);
  // Calls about the process go out one after the other, so that keys and sizes keep their order.
  let last: Promise<unknown> = pid.promise;
  const inTurn = (call: (pid: number) => Promise<unknown>): Promise<unknown> => {
    last = last
      .then(() => pid.promise)
      .then(call)
      .catch(() => undefined); // its stream of events tells when it is gone
    return last;
  };
  const send = (value: Uint8Array): Promise<unknown> =>
    inTurn((id) =>
      guest.processes.sendInput({
        process: byPid(id),
        input: { input: { case: terminal === undefined ? "stdin" : "pty", value } },
      }),
    );

  async function carryOutput(): Promise<void> {
    const process = { cmd: SHELL, args, envs: { ...order.variables } };
    const events = guest.processes.start(
      { process, ...(terminal === undefined ? { stdin: true } : { pty: { size: terminal } }) },
      { signal: over.signal, timeoutMs: 0 },
    );
    for await (const { event } of events) {
      const what = event?.event;
      if (what?.case === "start") pid.resolve(what.value.pid);
      else if (what?.case === "data") {
        const { output } = what.value;
        if (output.case === undefined) continue;
        await written(output.case === "stderr" ? channel.stderr : channel, output.value);
      } else if (what?.case === "end") sayEnd(channel, what.value);
    }
  }

  // Not by iterating: that ends the whole channel where the input does.
  channel.on("data", (bytes: Buffer) => {
    channel.pause();
    void send(bytes).finally(() => channel.resume());
  });
  channel.once("end", () => {
    if (terminal === undefined) void inTurn((id) => guest.processes.closeStdin({ process: byPid(id) }));
  });

  // A client that goes away takes its program with it, as a line that is hung up does. An interactive shell ignores SIGTERM.
  channel.once("close", () => {
    if (over.signal.aborted) return;
    const signal = terminal === undefined ? SIGTERM : SIGKILL;
    void inTurn((id) => guest.processes.sendSignal({ process: byPid(id), signal })).finally(() => over.abort());
  });
  void carryOutput()
    .catch((thrown: unknown) => {
      pid.reject(thrown);
      if (channel.writable) channel.stderr.write(`sandbox: ${thrown instanceof Error ? thrown.message : "gone"}\n`);
      channel.exit(255);
    })
    .finally(() => {
      over.abort();
      channel.end();
      channel.close();
    });
  return {
    resize: (size) => void inTurn((id) => guest.processes.update({ process: byPid(id), pty: { size } })),
    signal(name) {
      if (terminal !== undefined && name === "INT") void send(Uint8Array.of(3));
      else {
        const signal = name === "KILL" ? SIGKILL : SIGTERM;
        void inTurn((id) => guest.processes.sendSignal({ process: byPid(id), signal }));
      }
    },
  };
}

type EndEvent = Extract<ProcessEvent["event"], { case: "end" }>["value"];

const SIGNALS: Readonly<Record<string, string>> = {
  hangup: "HUP",
  interrupt: "INT",
  quit: "QUIT",
  aborted: "ABRT",
  killed: "KILL",
  "segmentation fault": "SEGV",
  "broken pipe": "PIPE",
  terminated: "TERM",
};

function sayEnd(channel: ServerChannel, end: EndEvent): void {
  if (end.exited) {
    channel.exit(end.exitCode & 255);
    return;
  }
  const [, name = "", dumped] = /^signal: ([a-z ]+?)( \(core dumped\))?$/.exec(end.status) ?? [];
  channel.exit(SIGNALS[name] ?? "TERM", dumped !== undefined);
}

/** Resolves when there is room for more, or nobody to write for. */
async function written(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  if (stream.write(Buffer.from(bytes))) return;
  await new Promise<void>((resolve) => {
    stream.once("drain", () => resolve());
    stream.once("close", () => resolve());
  });
}
