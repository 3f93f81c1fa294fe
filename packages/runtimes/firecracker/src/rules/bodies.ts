/** What the bodies of Firecracker's API may hold, as published with 1.10 and told apart where a later version added to it. */
import type { Field, Shape } from "./shape";

const PATH: Field = { is: "text", pattern: /^[^\0]+$/ };
const PATH_REQUIRED: Field = { ...PATH, required: true };
const ID: Field = { is: "text", pattern: /^[A-Za-z0-9_]+$/, required: true };
const MAC: Field = { is: "text", pattern: /^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$/ };
const MOST = Number.MAX_SAFE_INTEGER;

const BUCKET: Field = {
  is: "object",
  shape: {
    fields: {
      size: { is: "integer", min: 0, max: MOST, required: true },
      refill_time: { is: "integer", min: 0, max: MOST, required: true },
      one_time_burst: { is: "integer", min: 0, max: MOST },
    },
  },
};

const RATE_LIMITER: Field = { is: "object", shape: { fields: { bandwidth: BUCKET, ops: BUCKET } } };

export const MACHINE_CONFIG: Shape = {
  fields: {
    vcpu_count: { is: "integer", min: 1, max: 32, required: true },
    mem_size_mib: { is: "integer", min: 1, max: MOST, required: true },
    smt: { is: "flag" },
    track_dirty_pages: { is: "flag" },
    cpu_template: { is: "text", oneOf: ["None", "C3", "T2", "T2S", "T2CL", "T2A", "V1N"] },
    huge_pages: { is: "text", oneOf: ["None", "2M"] },
  },
};

export const BOOT_SOURCE: Shape = {
  fields: { kernel_image_path: PATH_REQUIRED, initrd_path: PATH, boot_args: { is: "text" } },
};

/** `path_on_host` or `socket`, the latter being vhost-user. */
export const DRIVE: Shape = {
  fields: {
    drive_id: ID,
    is_root_device: { is: "flag", required: true },
    path_on_host: PATH,
    socket: PATH,
    partuuid: { is: "text" },
    is_read_only: { is: "flag" },
    cache_type: { is: "text", oneOf: ["Unsafe", "Writeback"] },
    io_engine: { is: "text", oneOf: ["Sync", "Async"] },
    rate_limiter: RATE_LIMITER,
  },
  oneOfThese: [["path_on_host", "socket"]],
};

export const DRIVE_CHANGE: Shape = {
  fields: { drive_id: ID, path_on_host: PATH, rate_limiter: RATE_LIMITER },
};

export const NETWORK_INTERFACE: Shape = {
  fields: {
    iface_id: ID,
    host_dev_name: { is: "text", pattern: /^[^\0/]{1,15}$/, required: true },
    guest_mac: MAC,
    rx_rate_limiter: RATE_LIMITER,
    tx_rate_limiter: RATE_LIMITER,
  },
};

export const NETWORK_INTERFACE_CHANGE: Shape = {
  fields: { iface_id: ID, rx_rate_limiter: RATE_LIMITER, tx_rate_limiter: RATE_LIMITER },
};

export const BALLOON: Shape = {
  fields: {
    amount_mib: { is: "integer", min: 0, max: MOST, required: true },
    deflate_on_oom: { is: "flag", required: true },
    stats_polling_interval_s: { is: "integer", min: 0, max: 65_535 },
  },
};

export const BALLOON_CHANGE: Shape = { fields: { amount_mib: { is: "integer", min: 0, max: MOST, required: true } } };

export const BALLOON_STATISTICS_CHANGE: Shape = {
  fields: { stats_polling_interval_s: { is: "integer", min: 0, max: 65_535, required: true } },
};

export const ENTROPY: Shape = { fields: { rate_limiter: RATE_LIMITER } };

export const VSOCK: Shape = {
  fields: {
    guest_cid: { is: "integer", min: 3, max: 0xffff_ffff, required: true },
    uds_path: PATH_REQUIRED,
    vsock_id: { is: "text" },
  },
};

export const MMDS_CONFIG: Shape = {
  fields: {
    network_interfaces: { is: "list", of: { is: "text", pattern: /^[A-Za-z0-9_]+$/ }, minItems: 1, required: true },
    version: { is: "text", oneOf: ["V1", "V2"] },
    ipv4_address: { is: "text", pattern: /^169\.254\.([1-9]\d?|1\d\d|2[0-4]\d|25[0-4])\.\d{1,3}$/ },
    imds_compat: { is: "flag", since: [1, 13] },
  },
};

export const ACTION: Shape = {
  fields: {
    action_type: { is: "text", oneOf: ["FlushMetrics", "InstanceStart", "SendCtrlAltDel"], required: true },
  },
};

export const VM_STATE: Shape = {
  fields: { state: { is: "text", oneOf: ["Paused", "Resumed"], required: true } },
};

export const SNAPSHOT_CREATE: Shape = {
  fields: {
    snapshot_path: PATH_REQUIRED,
    mem_file_path: PATH_REQUIRED,
    snapshot_type: { is: "text", oneOf: ["Full", "Diff"] },
  },
};

export const SNAPSHOT_LOAD: Shape = {
  fields: {
    snapshot_path: PATH_REQUIRED,
    mem_file_path: PATH,
    mem_backend: {
      is: "object",
      shape: {
        fields: {
          backend_path: PATH_REQUIRED,
          backend_type: { is: "text", oneOf: ["File", "Uffd"], required: true },
        },
      },
    },
    enable_diff_snapshots: { is: "flag" },
    track_dirty_pages: { is: "flag", since: [1, 13] },
    resume_vm: { is: "flag" },
    network_overrides: {
      is: "list",
      since: [1, 12],
      of: {
        is: "object",
        shape: { fields: { iface_id: ID, host_dev_name: { is: "text", pattern: /^[^\0/]{1,15}$/, required: true } } },
      },
    },
  },
  oneOfThese: [["mem_file_path", "mem_backend"]],
};

export const LOGGER: Shape = {
  fields: {
    log_path: PATH,
    level: { is: "text", oneOf: ["Off", "Trace", "Debug", "Info", "Warn", "Warning", "Error"] },
    show_level: { is: "flag" },
    show_log_origin: { is: "flag" },
    module: { is: "text" },
  },
};

export const METRICS: Shape = { fields: { metrics_path: PATH_REQUIRED } };
