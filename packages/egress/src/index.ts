export { type Egress, type EgressConfig, startEgress } from "./egress";
export { egressFaults } from "./faults";
export type { Flow } from "./flow-log";
export { slotPolicyOf } from "./slot-policy";
export type { Asked, AskValues, Told, ValueOwner } from "./values/values";
