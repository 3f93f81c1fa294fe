/** envd: the daemon inside every sandbox, by which commands run and files move. */
export { type CommandLine, ENVD_VERSION, envdConfig, parseCommandLine } from "./config";
export type { Envd, EnvdConfig } from "./envd";
export { lineLogger } from "./log";
export { type RunningEnvd, startEnvd } from "./start";
