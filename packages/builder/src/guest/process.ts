/**
 * Runs one command in a machine through its envd (process.Process/Start, Connect with JSON over HTTP/1.1). Whoever answers
 * there may be anybody's program, since a recipe's steps are root: what it says is bounded and trusted with nothing.
 */
import { builderFaults } from "../faults";
import { limits } from "../limits";
import { LineSplitter } from "../logs/line-splitter";
import { readMessages } from "./connect-stream";

const ENVD_PORT = 49_983;

export type GuestCommand = {
  readonly address: string;
  readonly user: string;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs?: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly timeoutMs: number;
  readonly onLine?: (line: string, from: "stdout" | "stderr") => void;
  readonly onBytes?: (bytes: Uint8Array, from: "stdout" | "stderr") => void;
  /** Called once the command runs. */
  readonly onStart?: () => void;
};

/** `problem` is undefined when it ended well; else what envd says, as `exit status 3` or `unauthenticated: …`. */
export type GuestEnd = { readonly problem: string | undefined };

/**
 * @throws Fault `build_step_too_long` when time is up, the signal's reason when aborted. In both cases the command may run on:
 *   the machine is the caller's to end. Any other way of not ending well is in the answer.
 */
export async function runInGuest(command: GuestCommand, signal: AbortSignal): Promise<GuestEnd> {
  const timeUp = AbortSignal.timeout(command.timeoutMs);
  const either = AbortSignal.any([timeUp, signal]);
  try {
    return await stream(command, either);
  } catch (thrown) {
    signal.throwIfAborted();
    if (timeUp.aborted) {
      const what = [command.cmd, ...command.args].join(" ").slice(0, 200);
      throw builderFaults.step_too_long({ what, limitMs: command.timeoutMs }, thrown);
    }
    return { problem: "unavailable: the sandbox stopped answering" };
  }
}

async function stream(command: GuestCommand, signal: AbortSignal): Promise<GuestEnd> {
  const { address, user, cmd, args, envs = {}, cwd } = command;
  const start = { process: { cmd, args, envs, ...(cwd === undefined ? {} : { cwd }) }, stdin: false };
  const answer = await fetch(`http://${address}:${ENVD_PORT}/process.Process/Start`, {
    method: "POST",
    // A slot's address goes from machine to machine: a pooled connection could reach the next owner.
    keepalive: false,
    redirect: "manual",
    decompress: false,
    headers: {
      "Content-Type": "application/connect+json",
      "Connect-Protocol-Version": "1",
      "Keepalive-Ping-Interval": "30",
      Authorization: `Basic ${Buffer.from(`${user}:`).toString("base64")}`,
    },
    body: enveloped(JSON.stringify(start)),
    signal,
  });
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    return { problem: `unavailable: the sandbox answered ${answer.status}` };
  }
  const sinks = sinksOf(command);
  let end: GuestEnd | undefined;
  for await (const message of readMessages(answer.body, limits.guestMessageBytes)) {
    if (message.isEnd) {
      const problem = endProblem(message.json);
      return problem === undefined ? (end ?? { problem: "unavailable: the command's end was not told" }) : { problem };
    }
    const event = (message.json as { event?: ProcessEvent } | null)?.event;
    if (event?.start !== undefined) command.onStart?.();
    else if (event?.data?.stdout !== undefined) sinks.stdout.push(Buffer.from(String(event.data.stdout), "base64"));
    else if (event?.data?.stderr !== undefined) sinks.stderr.push(Buffer.from(String(event.data.stderr), "base64"));
    else if (event?.end !== undefined) {
      sinks.stdout.end();
      sinks.stderr.end();
      end = { problem: processProblem(event.end) };
    }
  }
  return end ?? { problem: "unavailable: the connection to the sandbox was cut" };
}

type ProcessEvent = {
  start?: unknown;
  data?: { stdout?: unknown; stderr?: unknown };
  end?: { exitCode?: unknown; exited?: unknown; status?: unknown; error?: unknown };
};

function sinksOf({ onLine, onBytes }: GuestCommand) {
  const sink = (from: "stdout" | "stderr") => {
    const lines = new LineSplitter((line) => onLine?.(line, from));
    return {
      push(bytes: Uint8Array): void {
        onBytes?.(bytes, from);
        if (onLine !== undefined) lines.push(bytes);
      },
      end: () => lines.end(),
    };
  };
  return { stdout: sink("stdout"), stderr: sink("stderr") };
}

function processProblem(end: NonNullable<ProcessEvent["end"]>): string | undefined {
  const exitCode = typeof end.exitCode === "number" ? end.exitCode : 0;
  if (exitCode === 0 && end.exited === true) return undefined;
  return String(end.status ?? end.error ?? `exit status ${exitCode}`).slice(0, 200);
}

function endProblem(json: unknown): string | undefined {
  const error = (json as { error?: { code?: unknown; message?: unknown } } | null)?.error;
  if (error === undefined) return undefined;
  return `${String(error.code ?? "unknown")}: ${String(error.message ?? "")}`.slice(0, 1_000);
}

function enveloped(json: string): Uint8Array {
  const bytes = Buffer.from(json);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
