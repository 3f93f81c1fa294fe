export type { CatalogEntry, CatalogStore } from "./catalog-store";
export { stateFaults } from "./faults";
export { limits as stateLimits, type StateLimits } from "./limits";
export { openState, type State, type StateConfig, type StateParts } from "./open-state";
export type { SandboxKey, SandboxNetworkRequest, SandboxRecord, StoredEgressProxy } from "./sandbox-record";
export type { ReserveOutcome, SandboxStore } from "./sandbox-store";
export type {
  FinishOutcome,
  Started,
  ToldFailure,
  TransitionEvent,
  TransitionOutcome,
  TransitionStart,
} from "./transition";
