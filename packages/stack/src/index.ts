/** Everything `sandlot` does to an installation on one machine. */
export { type AdminAccess, adminAccess } from "./admin-access";
export { type ClientEnv, clientEnv, databaseUrl, exportLines, sshPlace } from "./client-env";
export { down } from "./commands/down";
export { logNames, showLogs } from "./commands/logs";
export { restart } from "./commands/restart";
export { type InstallationStatus, type ServiceStatus, status } from "./commands/status";
export { type Uninstalled, uninstall } from "./commands/uninstall";
export { type UpResult, up } from "./commands/up";
export { ensureDist, recipes } from "./dist";
export { type Area, type Diagnosis, diagnose } from "./doctor/doctor";
export type { Finding, FindingState } from "./doctor/finding";
export { stackFaults } from "./faults";
export { ensureKernel, ensureVmHost, VM_NEEDS } from "./guest-kernel/ensure-kernel";
export { type FoundKernel, KERNEL_CACHE, lastKernelFailure, listKernels } from "./guest-kernel/find-kernel";
export { ensurePackages, missingPackages } from "./host/packages";
export { distrustAuthority, isAuthorityTrusted, trustAuthority } from "./host/system-trust";
export { installUnit, removeUnit } from "./host/systemd-unit";
export { findHostWarnings } from "./host/warnings";
export { nameHints } from "./name-hints";
export { CHECKOUT, DEFAULT_DATA_DIR, DIST, MACHINE_CACHE, pathsOf } from "./paths";
export { prepareMachine } from "./prepare-machine";
export { lineProgress, type Progress, silentProgress } from "./progress";
export type { NodeRuntime } from "./services/node-info";
export {
  canonical,
  loadSettings,
  PORTS,
  type PortName,
  type Ports,
  readSettings,
  type Settings,
  type SettingsRequest,
  tagOf,
} from "./settings";
export { supervise } from "./supervise";
