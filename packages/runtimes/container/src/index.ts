/** Machines as containers: namespaces, an idmapped overlay and cgroups, by one small static launcher. */
export type { ContainerRuntimeConfig, ContainerRuntimeParts } from "./config";
export { containerFaults } from "./faults";
export { startContainerRuntime } from "./start";
