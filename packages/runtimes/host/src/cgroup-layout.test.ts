import { describe, expect, it } from "bun:test";
import { parseCgroupLayout } from "./cgroup-layout";

const V1 = ["cpu", "memory", "pids"].map((name) => `30 25 0:26 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`);
const V2_IN_HYBRID = "39 25 0:35 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw";
const V2_ALONE = "39 25 0:35 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";

describe(parseCgroupLayout, () => {
  it("takes limits from v1 and freezing from v2 when both are there", () => {
    const layout = parseCgroupLayout([...V1, V2_IN_HYBRID].join("\n"), () => ["hugetlb"]);
    expect(layout).toMatchObject({ v2: "/sys/fs/cgroup/unified", unified: false });
    expect(layout.v1.get("memory")).toBe("/sys/fs/cgroup/memory");
  });

  it("takes all from v2 where it has the controllers", () => {
    const layout = parseCgroupLayout(V2_ALONE, () => ["cpuset", "cpu", "io", "memory", "pids"]);
    expect(layout).toEqual({ v2: "/sys/fs/cgroup", unified: true, v1: new Map() });
  });

  it("names the controllers that are nowhere", () => {
    const partly = [V1[0], V2_IN_HYBRID].join("\n");
    expect(() => parseCgroupLayout(partly, () => [])).toThrow("memory, pids");
  });
});
