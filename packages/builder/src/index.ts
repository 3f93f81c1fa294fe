export type { BuildMachine, BuildMachines, StartBuildMachine } from "./machines";
