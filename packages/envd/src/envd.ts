/** The parts every room of envd is handed. */
import type { Logger } from "@sandlot/telemetry";
import type { EnvdState } from "./state";
import type { AccountFiles, Accounts } from "./users";

export type EnvdConfig = {
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly host: string;
  /** Reported in the header of /init. */
  readonly version: string;
  /** PATH of every process; envd's own. */
  readonly searchPath: string;
  /** Address on which ports bound to loopback are offered; the forwarder runs only where the machine has it. */
  readonly forwardAddress: string;
  /** False leaves hostname and clock of the machine alone: tests, and hosts that are no sandbox. */
  readonly ownsMachine: boolean;
  /** Prefix of the system files that /init writes: "" but in tests. */
  readonly systemRoot: string;
  readonly accountFiles: AccountFiles;
  /** Memory is given back once it has grown by so much, in MiB; 0: after every burst of requests. */
  readonly trimGrowthMiB: number;
};

export type Envd = {
  readonly config: EnvdConfig;
  readonly state: EnvdState;
  readonly accounts: Accounts;
  readonly log: Logger;
  /** To be called when a process has been started for a client. */
  readonly onLaunch: () => void;
};
