import { describe, expect, it } from "bun:test";
import { API_RULES, type ApiRequest, type Phase, wrongsOfRequest } from "./api-rules";
import type { Version } from "./shape";

function wrongs(
  method: ApiRequest["method"],
  path: string,
  body?: unknown,
  now: { phase?: Phase; version?: Version } = {},
): string[] {
  const request: ApiRequest = { method, path, ...(body === undefined ? {} : { body }) };
  return wrongsOfRequest(request, { phase: now.phase ?? "not-started", version: now.version ?? [1, 10] });
}

const DISK = { drive_id: "disk", path_on_host: "/disk", is_root_device: false };

describe("Firecracker's rules", () => {
  it.each([
    ["PUT", "/machine-config", { vcpu_count: 2, mem_size_mib: 512 }],
    ["PUT", "/drives/disk", DISK],
    ["PUT", "/drives/disk", { ...DISK, rate_limiter: { bandwidth: { size: 1, refill_time: 1 } } }],
    ["PUT", "/balloon", { amount_mib: 0, deflate_on_oom: true }],
    ["PUT", "/mmds", { anything: { at: ["all"] } }],
    ["GET", "/", undefined],
  ] as const)("allow %s %s", (method, path, body) => expect(wrongs(method, path, body)).toEqual([]));

  it.each([
    ["a field that is missing", "PUT", "/machine-config", { vcpu_count: 1 }, "mem_size_mib is missing"],
    ["a field that is not known", "PUT", "/vsock", { guest_cid: 3, uds_path: "/v", port: 1 }, "port is not known"],
    ["a number out of range", "PUT", "/machine-config", { vcpu_count: 33, mem_size_mib: 1 }, "from 1 to 32"],
    ["a fraction", "PUT", "/balloon", { amount_mib: 1.5, deflate_on_oom: true }, "whole number"],
    ["text for a number", "PUT", "/balloon", { amount_mib: "1", deflate_on_oom: true }, "whole number"],
    ["a reserved address", "PUT", "/vsock", { guest_cid: 2, uds_path: "/v" }, "from 3"],
    ["another name than in the path", "PUT", "/drives/other", DISK, "the one in the path"],
    ["a name with a dash", "PUT", "/drives/a-b", { ...DISK, drive_id: "a-b" }, "must look like"],
    ["no file and no socket", "PUT", "/drives/d", { drive_id: "d", is_root_device: true }, "exactly one of"],
    ["file and socket", "PUT", "/drives/disk", { ...DISK, socket: "/s" }, "exactly one of"],
    ["a half bucket", "PUT", "/entropy", { rate_limiter: { ops: { size: 1 } } }, "refill_time is missing"],
    ["no interface for metadata", "PUT", "/mmds/config", { network_interfaces: [] }, "at least 1"],
    [
      "an address elsewhere",
      "PUT",
      "/mmds/config",
      { network_interfaces: ["e"], ipv4_address: "10.0.0.1" },
      "look like",
    ],
    ["an action of another name", "PUT", "/actions", { action_type: "Reboot" }, "one of"],
    ["no body", "PUT", "/actions", undefined, "must be an object"],
    ["a list for a body", "PUT", "/mmds", [], "must be an object"],
    ["a body where there is none", "GET", "/version", {}, "no body"],
    ["a path that does not exist", "PUT", "/drives", DISK, "does not exist"],
    ["a method that does not exist", "PATCH", "/vsock", {}, "does not exist"],
    ["odd processors with threads", "PUT", "/machine-config", { vcpu_count: 3, mem_size_mib: 1, smt: true }, "even"],
    ["too much metadata", "PUT", "/mmds", { long: "x".repeat(51_200) }, "51200 are allowed"],
  ] as const)("refuse %s", (_, method, path, body, reason) =>
    expect(wrongs(method, path, body).join()).toContain(reason),
  );

  it("know which request belongs before, after, and into a pause", () => {
    const create = { snapshot_path: "/s", mem_file_path: "/m" };
    const load = { snapshot_path: "/s", mem_backend: { backend_path: "/m", backend_type: "File" } };
    const allowed = (method: ApiRequest["method"], path: string, body: unknown): string =>
      (["not-started", "running", "paused"] as const)
        .filter((phase) => wrongs(method, path, body, { phase }).length === 0)
        .join();
    expect(allowed("PUT", "/snapshot/create", create)).toBe("paused");
    expect(allowed("PUT", "/snapshot/load", load)).toBe("not-started");
    expect(allowed("PUT", "/drives/disk", DISK)).toBe("not-started");
    expect(allowed("PATCH", "/drives/disk", { drive_id: "disk" })).toBe("running,paused");
    expect(allowed("PATCH", "/vm", { state: "Paused" })).toBe("running,paused");
    expect(allowed("PUT", "/mmds", {})).toBe("not-started,running,paused");
    expect(allowed("PUT", "/actions", { action_type: "InstanceStart" })).toBe("not-started");
    expect(allowed("PUT", "/actions", { action_type: "FlushMetrics" })).toBe("running,paused");
  });

  it("know what a later version added", () => {
    const body = {
      snapshot_path: "/s",
      mem_backend: { backend_path: "/m", backend_type: "File" },
      network_overrides: [{ iface_id: "eth0", host_dev_name: "tap1" }],
    };
    expect(wrongs("PUT", "/snapshot/load", body, { version: [1, 11] }).join()).toContain("from version 1.12 on");
    expect(wrongs("PUT", "/snapshot/load", body, { version: [1, 12] })).toEqual([]);
    expect(wrongs("PUT", "/snapshot/load", { ...body, mem_file_path: "/m" }, { version: [1, 12] }).join()).toContain(
      "exactly one",
    );
  });

  it("stand once for each method and path", () => {
    const keys = API_RULES.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
