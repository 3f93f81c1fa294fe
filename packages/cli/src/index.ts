/** The command-line program. */
export { runCli } from "./main";
