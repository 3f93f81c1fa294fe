export type { Slot, SlotPool } from "./slot";
