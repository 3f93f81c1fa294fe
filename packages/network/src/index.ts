export { ALWAYS_DENIED_CIDRS } from "./address/denied";
export { EGRESS_PORT, GUEST, RESOLVER_PORT } from "./address/plan";
export { parseAddress, parseCidr, type Range } from "./address/ranges";
export { networkFaults } from "./faults";
export { type NetworkProbe, probeNetwork } from "./probe";
export type { Slot, SlotPool } from "./slot";
export type { SlotPolicy, Throttle } from "./slots/table";
export { removeNetwork, type SlotPoolConfig, startSlotPool } from "./start";
