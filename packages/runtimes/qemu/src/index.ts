/** Machines as virtual machines by QEMU: a kernel of its own for each, in a jail of its own. */
export type { QemuRuntimeConfig, QemuRuntimeParts } from "./config";
export { qemuFaults } from "./faults";
export { startQemuRuntime } from "./start";
