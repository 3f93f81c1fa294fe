/** Pure: what Firecracker is asked for a machine, in order. Paths are as seen inside the machine's chroot. */
import { AGENT_VSOCK_PORT, GUEST_MAC, type GuestBoot, guestCommandLine } from "@sandlot/runtime-microvm";
import type { RateLimits } from "../config";
import type { ApiRequest } from "../rules/api-rules";

/** Names inside every machine's chroot: the same always, since a snapshot holds them. */
export const INSIDE = {
  socket: "/run/api.sock",
  kernel: "/kernel",
  initramfs: "/initramfs",
  layers: "/layers.img",
  disk: "/disk.img",
  agent: "/run/agent.vsock",
  memory: "/memory",
  state: "/vmstate",
  newMemory: "/snapshot/memory",
  newState: "/snapshot/vmstate",
} as const;

/** Chosen by us, meaningful only between a host and its one guest. */
const GUEST_CID = 3;
const IFACE = "eth0";

export type Metadata = Readonly<Record<string, string>>;

export type BootPlan = {
  readonly processors: number;
  readonly memoryMiB: number;
  readonly bootArgs: string;
  /** Absent: a machine without a network, and so without metadata. */
  readonly hostLink: string | undefined;
  /** Absent: a trial of the processor, without disks. */
  readonly disks: boolean;
  readonly rates: RateLimits;
  readonly metadata: Metadata;
};

export function planBoot(of: BootPlan): ApiRequest[] {
  return [
    put("/machine-config", {
      vcpu_count: of.processors,
      mem_size_mib: of.memoryMiB,
      track_dirty_pages: true,
    }),
    put("/boot-source", {
      kernel_image_path: INSIDE.kernel,
      initrd_path: INSIDE.initramfs,
      boot_args: of.bootArgs,
    }),
    ...(of.disks ? planDisks(of.rates) : []),
    // Gives memory back to the host when asked; the guest takes it again before it kills a process for want of it.
    put("/balloon", { amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 1 }),
    put("/entropy", {}),
    put("/vsock", { guest_cid: GUEST_CID, uds_path: INSIDE.agent }),
    ...(of.hostLink === undefined ? [] : planNetwork({ ...of, hostLink: of.hostLink })),
    put("/actions", { action_type: "InstanceStart" }),
  ];
}

/** The guest's kernel names them by their order: layers first. */
function planDisks(rates: RateLimits): ApiRequest[] {
  const limiter = rateLimiter(rates.diskBytesPerSecond, rates.diskOperationsPerSecond);
  const rate = limiter === undefined ? {} : { rate_limiter: limiter };
  return [
    put("/drives/layers", drive("layers", INSIDE.layers, { is_read_only: true, ...rate })),
    // The guest's own flushes reach the host's disk: what a database has synced survives the host.
    put("/drives/disk", drive("disk", INSIDE.disk, { is_read_only: false, cache_type: "Writeback", ...rate })),
  ];
}

function planNetwork(of: { hostLink: string; rates: RateLimits; metadata: Metadata }): ApiRequest[] {
  const limiter = rateLimiter(of.rates.networkBytesPerSecond, undefined);
  const rate = limiter === undefined ? {} : { rx_rate_limiter: limiter, tx_rate_limiter: limiter };
  return [
    put(`/network-interfaces/${IFACE}`, {
      iface_id: IFACE,
      host_dev_name: of.hostLink,
      guest_mac: GUEST_MAC,
      ...rate,
    }),
    put("/mmds/config", { version: "V2", network_interfaces: [IFACE] }),
    planMetadata(of.metadata),
  ];
}

export type LoadPlan = {
  /** The tap, when it is not the one that the snapshot was taken with. */
  readonly otherLink: string | undefined;
  readonly metadata: Metadata;
};

/** The first request loads and leaves the machine paused; the second is for the paused machine. */
export function planLoad(of: LoadPlan): readonly [load: ApiRequest, metadata: ApiRequest] {
  const overrides =
    of.otherLink === undefined ? {} : { network_overrides: [{ iface_id: IFACE, host_dev_name: of.otherLink }] };
  return [
    put("/snapshot/load", {
      snapshot_path: INSIDE.state,
      mem_backend: { backend_path: INSIDE.memory, backend_type: "File" },
      enable_diff_snapshots: true,
      resume_vm: false,
      ...overrides,
    }),
    // The data store is not part of a snapshot.
    planMetadata(of.metadata),
  ];
}

export function planSnapshot(kind: "Full" | "Diff"): ApiRequest {
  return put("/snapshot/create", {
    snapshot_type: kind,
    snapshot_path: INSIDE.newState,
    mem_file_path: INSIDE.newMemory,
  });
}

/** Everything that was there before is gone. */
export function planMetadata(metadata: Metadata): ApiRequest {
  return put("/mmds", metadata);
}

export function planState(state: "Paused" | "Resumed"): ApiRequest {
  return { method: "PATCH", path: "/vm", body: { state } };
}

/** What only this machine model needs: it ends when the guest resets by the keyboard controller, and has no PCI bus. */
const MODEL_WORDS = ["reboot=k", "pci=off", "i8042.noaux", "i8042.nomux", "random.trust_cpu=on"];

export function bootArgs(of: Omit<GuestBoot, "agent" | "console" | "tscKHz">): string {
  return [guestCommandLine({ ...of, agent: "vsock", console: "quiet" }), ...MODEL_WORDS].join(" ");
}

/** Of the trial machine: the guest says it is there, and nothing more. It speaks on the console only where its agent is on vsock. */
export const TRIAL_BOOT_ARGS = [
  ...["console=ttyS0", "quiet", "panic=-1", "sandlot.probe", `sandlot.agent=vsock:${AGENT_VSOCK_PORT}`],
  ...MODEL_WORDS,
].join(" ");

function put(path: string, body: unknown): ApiRequest {
  return { method: "PUT", path, body };
}

function drive(id: string, path: string, more: object): object {
  return { drive_id: id, path_on_host: path, is_root_device: false, ...more };
}

/** One second's worth as a bucket that fills once a second. */
function rateLimiter(bytes: number | undefined, operations: number | undefined): object | undefined {
  if (bytes === undefined && operations === undefined) return undefined;
  const bucket = (size: number | undefined): object | undefined =>
    size === undefined ? undefined : { size, refill_time: 1000 };
  const entries = { bandwidth: bucket(bytes), ops: bucket(operations) };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}
