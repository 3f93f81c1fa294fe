export { loadOrchestratorConfig, type OrchestratorConfig } from "./config";
export { type HostParts, startHost } from "./host";
export { type Orchestrator, startOrchestrator } from "./start";
export { sweepNode } from "./sweep";
