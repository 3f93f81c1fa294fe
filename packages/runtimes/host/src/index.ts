/** What runtimes have in common on the host's side: cgroups, ids, processes that outlive us, and the jail for a VMM. */
export { type CgroupLayout, readCgroupLayout } from "./cgroup-layout";
export { hadOutOfMemory, readStats, readUsage, setFrozen, type Usage } from "./cgroup-state";
export { Cgroups, type DeviceRules, type MachineCgroups, readKey, readNumber } from "./cgroups";
export { CheckedFiles } from "./checked-files";
export { runtimeFaults } from "./faults";
export { digestOf, syncAndDigest, syncDirectory } from "./file-digest";
export { IdRanges } from "./ids";
export { type Launched, launch, parseLauncherError, runLauncher } from "./launcher";
export { CONTAINER_IDS, type IdPlan, VMM_IDS } from "./limits";
export { isAlive, type ProcessRecord, readExitCode, readProcess } from "./processes";
