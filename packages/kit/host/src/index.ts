/** What an installation has on its host that outlives a process. */
export { readAptConf } from "./apt-conf";
export { archiveUris, debianMirror, debianSources } from "./debian-mirror";
export { hostFaults } from "./faults";
export { freePortRun, freePorts, isPortFree } from "./ports";
export {
  accountOf,
  type PostgresOptions,
  type PrivatePostgres,
  postgresBinaries,
  runningPostgres,
  startPostgres,
  stopPostgres,
} from "./postgres";
export {
  dropMark,
  endProcess,
  isRunning,
  markOf,
  type ProcessMark,
  readMark,
  signalProcess,
  untilGone,
  writeMark,
} from "./processes";
export { type PrivateRedis, type RedisOptions, startRedis, stopRedis } from "./redis";
export { removeResidue } from "./remove-residue";
export { findResidue, type Residue, type ResidueKind } from "./residue";
export { asUser, type Detached, inherited, run, spawnDetached, tryRun } from "./spawn";
