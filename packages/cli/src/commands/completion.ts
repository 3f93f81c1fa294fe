import { type CommandSpec, command } from "../command";
import { completionScript, SHELLS, type Shell } from "../completion/script";
import { cliFaults } from "../faults";

/** @param commands read when it runs, since it is one of them */
export function completionCommand(commands: () => readonly CommandSpec[]): CommandSpec {
  return command({
    name: "completion",
    summary: "Print a completion script for bash, zsh or fish",
    details:
      "bash: source <(./sandlot completion bash)   zsh: source <(./sandlot completion zsh)\n" +
      "fish: ./sandlot completion fish | source",
    args: [{ name: "shell", help: SHELLS.join(", "), isRequired: true }],
    flags: {},
    async run({ rest, io }) {
      const shell = SHELLS.find((name): name is Shell => name === rest[0]);
      if (shell === undefined) throw cliFaults.needs_name({ what: `the shell must be one of ${SHELLS.join(", ")}` });
      io.out(completionScript(shell, commands()));
      return 0;
    },
  });
}
