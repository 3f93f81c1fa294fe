/** Faults of the process service; texts after behaviour.md §2.4. */
import { defineFaults } from "@sandlot/faults";

type None = Record<never, never>;

export const faults = defineFaults("process", {
  pid_missing: { kind: "missing", say: (f: { pid: number }) => `process with pid ${f.pid} not found` },
  tag_missing: { kind: "missing", say: (f: { tag: string }) => `process with tag ${f.tag} not found` },
  selector_empty: { kind: "unsupported", say: (_: None) => "invalid input type: the selector names no process" },
  cwd_missing: { kind: "invalid", say: (f: { cwd: string }) => `cwd '${f.cwd}' does not exist` },
  cwd_not_directory: { kind: "invalid", say: (f: { cwd: string }) => `cwd '${f.cwd}' is not a directory` },
  start_failed: { kind: "invalid", say: (f: { problem: string }) => `error starting process: ${f.problem}` },
  bad_argument: { kind: "invalid", say: (f: { problem: string }) => f.problem },
  not_a_pty: { kind: "broken", say: (_: None) => "error resizing tty: tty not assigned to process" },
  stdin_of_pty: {
    kind: "broken",
    say: (_: None) => "tty assigned to process: input goes to the pty, not to stdin",
  },
  pty_of_pipe: { kind: "broken", say: (_: None) => "tty not assigned to process" },
  stdin_closed: { kind: "broken", say: (_: None) => "stdin not enabled or closed" },
  write_failed: { kind: "broken", say: (f: { problem: string }) => `error writing to process: ${f.problem}` },
  reader_too_slow: {
    kind: "broken",
    say: (_: None) => "output was not read for too long and is no longer sent here; the process runs on",
  },
  input_empty: { kind: "unsupported", say: (_: None) => "invalid input type: no input set" },
  bad_signal: { kind: "unsupported", say: (f: { signal: string }) => `invalid signal: ${f.signal}` },
  signal_failed: { kind: "broken", say: (f: { problem: string }) => `error sending signal: ${f.problem}` },
});
