/** What runtimes have in common on the host's side: cgroups, ids, directories of machines, and processes that outlive us. */
export { type CgroupLayout, readCgroupLayout } from "./cgroup-layout";
export { hadOutOfMemory, readStats, readUsage, setFrozen } from "./cgroup-state";
export { Cgroups, type MachineCgroups, readKey, readNumber } from "./cgroups";
export { CheckedFiles } from "./checked-files";
export { runtimeFaults } from "./faults";
export { digestOf, identityOf, syncAndDigest, syncDirectory } from "./file-digest";
export { HeldMachines } from "./held-machines";
export { IdRanges } from "./ids";
export { isThere } from "./is-there";
export { LaunchedLife } from "./launched-life";
export { endLaunched, type Launched, launch, launchConfigIn, parseLauncherError, runLauncher } from "./launcher";
export { CONTAINER_IDS, type IdPlan, VMM_IDS } from "./limits";
export {
  formatLaunchConfig,
  type LaunchPair,
  type MachineBasics,
  machineIdsIn,
  readHostBootId,
  readRecord,
  requireNames,
  writeRecord,
} from "./machine-dir";
export { isAlive, type ProcessRecord, readProcess } from "./processes";
