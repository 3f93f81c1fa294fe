/** The whole command-line program: signals, commands, exit code. */
import { type CommandSpec, Interrupted } from "./command";
import { completionCommand } from "./commands/completion";
import { doctorCommand } from "./commands/doctor";
import { downCommand } from "./commands/down";
import { envCommand } from "./commands/env";
import { identityCommands } from "./commands/identity";
import { keyCommands } from "./commands/key";
import { logsCommand } from "./commands/logs";
import { restartCommand } from "./commands/restart";
import { sandboxCommands } from "./commands/sandbox";
import { serviceCommands } from "./commands/service";
import { sshCommand } from "./commands/ssh";
import { sshKeyCommands } from "./commands/ssh-key";
import { statusCommand } from "./commands/status";
import { superviseCommand } from "./commands/supervise";
import { templateCommands } from "./commands/template";
import { testCommand } from "./commands/test";
import { trustCommand } from "./commands/trust";
import { uninstallCommand } from "./commands/uninstall";
import { upCommand } from "./commands/up";
import { runProgram } from "./program";

/** In the order in which help lists them. */
export const COMMANDS: readonly CommandSpec[] = [
  upCommand,
  downCommand,
  restartCommand,
  statusCommand,
  envCommand,
  logsCommand,
  doctorCommand,
  ...sandboxCommands,
  sshCommand,
  ...sshKeyCommands,
  ...identityCommands,
  ...templateCommands,
  ...keyCommands,
  trustCommand,
  ...serviceCommands,
  uninstallCommand,
  completionCommand(() => COMMANDS),
  testCommand,
  superviseCommand,
];

/** What help says of the first word of commands of two. */
export const GROUPS: Readonly<Record<string, string>> = {
  sandbox: "List, end, enter and show sandboxes",
  identity: "Look after the keys that workload tokens are signed with",
  "ssh-key": "Say which keys open sandboxes by SSH",
  template: "Build, list and delete templates",
  key: "Make, list and take away API keys",
  service: "Come up with the machine, by systemd",
};

/** Sets the exit code; a third signal ends the process on the spot. */
export async function runCli(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const first = new AbortController();
  const second = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!first.signal.aborted) first.abort(new Interrupted(name));
      else if (!second.signal.aborted) second.abort(new Interrupted(name));
      else process.exit(130);
    });
  }
  const io = {
    out: (text: string) => void process.stdout.write(`${text}\n`),
    err: (text: string) => void process.stderr.write(`${text}\n`),
  };
  // A reader that went away, as in `sandlot logs | head`, ends the command quietly.
  process.stdout.on("error", () => process.exit(0));
  const interrupts = { first: first.signal, second: second.signal };
  process.exitCode = await runProgram({ commands: COMMANDS, groups: GROUPS, io, interrupts, env }, words);
  // Handles that libraries keep open must not keep a finished command alive.
  setTimeout(() => process.exit(), 200).unref();
}
