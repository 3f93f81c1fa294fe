export * from "./egress";
export * from "./states";
