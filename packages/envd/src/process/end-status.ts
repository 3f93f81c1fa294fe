/** How a process ended, in the words clients compare: those of Go's os/exec. */
import type { Exit } from "./launch";

export type EndStatus = {
  /** -1 when a signal ended it. */
  readonly exitCode: number;
  readonly hasExited: boolean;
  readonly status: string;
  /** The status again, unless all went well. */
  readonly error: string | undefined;
};

const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
  SIGSTKFLT: "stack fault",
  SIGVTALRM: "virtual timer expired",
  SIGPROF: "profiling timer expired",
  SIGIO: "I/O possible",
  SIGPOLL: "I/O possible",
  SIGPWR: "power failure",
  SIGSYS: "bad system call",
  SIGXCPU: "CPU time limit exceeded",
  SIGXFSZ: "file size limit exceeded",
};

export function endStatus(of: Exit): EndStatus {
  if (of.signal !== null) {
    const word = SIGNAL_WORDS[of.signal] ?? `signal ${of.signal}`;
    const status = `signal: ${word}${of.hasDumpedCore ? " (core dumped)" : ""}`;
    return { exitCode: -1, hasExited: false, status, error: status };
  }
  const exitCode = of.exitCode ?? 0;
  const status = `exit status ${exitCode}`;
  return { exitCode, hasExited: true, status, error: exitCode === 0 ? undefined : status };
}
