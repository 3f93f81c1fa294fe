/** What a guest is told before it can be spoken to: the words of its kernel's command line. */
import type { MachineLimits, MachineSlot } from "@sandlot/runtime-contract";

export type GuestBoot = {
  readonly hostname: string;
  readonly slot: Pick<MachineSlot, "guestCidr" | "guestGateway" | "mtu">;
  readonly limits: Pick<MachineLimits, "pidsMax">;
  /** Partitions of the layers disk, newest first, the guest layer and the modules not left out. */
  readonly layers: number;
  /** The host's time stamp counter under software emulation; absent under KVM, where the guest finds it out itself. */
  readonly tscKHz?: number;
  /** `virtio` is the port `sandlot.agent`; `vsock` listens on port 1024. */
  readonly agent: "virtio" | "vsock";
  /** `quiet` says nothing unless it fails. */
  readonly console: "quiet" | "loud";
};

/** Constant in every guest, so that a snapshot resumes in any slot. */
export const GUEST_MAC = "02:fc:00:00:00:05";
/** Of the slot's end, so that a resumed guest's neighbour entry is right anywhere. */
export const HOST_MAC = "02:fc:00:00:00:06";
export const AGENT_PORT = "sandlot.agent";
/** Where the guest's init writes lines and never reads: `ready`, `exit <code> <oom kills>`, `failed <why>`. */
export const NOTICE_PORT = "sandlot.host";
export const AGENT_VSOCK_PORT = 1024;

/** Pure. Words that only one machine model needs are the caller's to add. */
export function guestCommandLine(of: GuestBoot): string {
  return [
    ...KERNEL_WORDS,
    ...(of.console === "quiet" ? ["quiet", "loglevel=3"] : ["loglevel=6"]),
    ...(of.tscKHz === undefined ? [] : [`tsc_early_khz=${of.tscKHz}`, "tsc=reliable"]),
    `sandlot.address=${of.slot.guestCidr}`,
    `sandlot.gateway=${of.slot.guestGateway}`,
    `sandlot.mtu=${of.slot.mtu}`,
    `sandlot.hostname=${of.hostname}`,
    `sandlot.pids=${of.limits.pidsMax}`,
    `sandlot.layers=${of.layers}`,
    ...(of.agent === "vsock" ? [`sandlot.agent=vsock:${AGENT_VSOCK_PORT}`] : []),
  ].join(" ");
}

const KERNEL_WORDS = [
  ...["console=ttyS0", "8250.nr_uarts=1", "panic=-1", "reboot=t", "net.ifnames=0"],
  // A sandbox is one user's own: walls between its processes cost a third of its speed and keep nobody out.
  ...["mitigations=off", "init_on_alloc=0", "lsm=landlock"],
  // What only delays a start: ciphers' tests of themselves, and waits for a quiet moment of many processors.
  ...["cryptomgr.notests=1", "rcupdate.rcu_expedited=1"],
  // What wakes an idle kernel: averages of pressure, a watch for its own hangs, memory compacted ahead of need, counters.
  ...["psi=0", "nowatchdog", "sysctl.vm.compaction_proactiveness=0", "sysctl.vm.stat_interval=60"],
];
