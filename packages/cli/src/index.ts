/** The command-line program. */
export type { CommandSpec, FlagSpec } from "./command";
export { COMMANDS, runCli } from "./main";
