import { defineFaults } from "@sandlot/faults";

/** How a machine's seals fail, the same for every runtime. */
export const machineFaults = defineFaults("machine", {
  unsealable: {
    kind: "precondition",
    say: (f: { reason: string }) => `the sandbox's memory cannot be saved: ${f.reason}`,
  },
  layer_unfit: {
    kind: "precondition",
    say: (f: { runtime: string; layer: string }) =>
      `the ${f.runtime} runtime cannot start this build: its layer '${f.layer}' is a microVM's disk`,
  },
  seal_failed: { kind: "broken", say: (f: { reason: string }) => `sealing the machine failed: ${f.reason}` },
  seal_unreadable: {
    kind: "precondition",
    say: (f: { reason: string }) => `the saved memory cannot be used: ${f.reason}`,
  },
});
