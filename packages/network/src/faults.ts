import { defineFaults } from "@sandlot/faults";

export const networkFaults = defineFaults("network", {
  slots_exhausted: {
    kind: "unavailable",
    say: (f: { maxSlots: number }) => `all ${f.maxSlots} network slots of this node are in use`,
  },
  slot_lost: {
    kind: "gone",
    say: (f: { index: number; missing: string }) =>
      `network slot ${f.index} cannot be taken up: its ${f.missing} is gone`,
  },
  slot_unknown: {
    kind: "conflict",
    say: (f: { index: number }) => `network slot ${f.index} is not leased`,
  },
  cannot_make: {
    kind: "broken",
    say: (f: { reason: string }) => `network slots cannot be made: ${f.reason}`,
  },
  command_failed: {
    kind: "broken",
    say: (f: { command: string; reason: string }) => `${f.command} failed: ${f.reason}`,
  },
  bad_cidr: {
    kind: "invalid",
    say: (f: { text: string }) => `${f.text} is not an IPv4 address or CIDR`,
  },
  no_answer: { kind: "unavailable", say: (f: { name: string }) => `no resolver answers for ${f.name}` },
  bad_config: { kind: "invalid", say: (f: { problem: string }) => f.problem },
  cidr_taken: {
    kind: "precondition",
    say: (f: { cidr: string; by: string }) =>
      `slot range ${f.cidr} is already used on this host by ${f.by}; set SLOT_CIDR`,
  },
  closed: { kind: "unavailable", say: (_: Record<never, never>) => "the network of this node is shutting down" },
});
