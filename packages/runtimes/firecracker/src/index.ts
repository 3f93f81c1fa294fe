/** Machines as microVMs under Firecracker, which needs a processor that virtualizes (KVM). */
export { loadVersionsFile, type Pinned, type VersionsFile } from "./binaries/versions";
export type { FirecrackerRuntimeConfig, FirecrackerRuntimeParts, RateLimits } from "./config";
export { firecrackerFaults } from "./faults";
export { startFirecrackerRuntime } from "./start";
