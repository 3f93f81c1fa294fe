export { ALWAYS_DENIED_CIDRS } from "./address/denied";
export { GUEST, RESOLVER_PORT } from "./address/plan";
export { networkFaults } from "./faults";
export { type NetworkProbe, probeNetwork } from "./probe";
export type { Slot, SlotPool } from "./slot";
export { removeNetwork, type SlotPoolConfig, startSlotPool } from "./start";
