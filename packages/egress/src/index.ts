export { type Egress, type EgressConfig, startEgress } from "./egress";
export { egressFaults } from "./faults";
export type { Flow } from "./flow-log";
export type { Asked, AskValues, Told, ValueOwner } from "./values/values";
