import { describe, expect, it } from "bun:test";
import { HostMeter, parseCpuTicks, parseMeminfo } from "./host-metrics";

describe(parseCpuTicks, () => {
  it("counts busy and idle ticks and cores", () => {
    const stat = "cpu  10 2 8 70 10 0 0 0 0 0\ncpu0 5 1 4 35 5 0 0 0 0 0\ncpu1 5 1 4 35 5 0 0 0 0 0\nintr 1\n";
    expect(parseCpuTicks(stat)).toEqual({ busy: 20, total: 100, cores: 2 });
  });
});

describe(parseMeminfo, () => {
  it("reads total and available", () => {
    expect(parseMeminfo("MemTotal:       100 kB\nMemFree: 1 kB\nMemAvailable:    40 kB\n")).toEqual({
      totalBytes: 102_400,
      availableBytes: 40_960,
    });
  });
});

describe(HostMeter, () => {
  it("stays within sense on this very host", async () => {
    const meter = new HostMeter("/");
    await meter.read();
    const now = await meter.read();
    expect(now.cpuPercent).toBeWithin(0, 101);
    expect(now.memoryUsedBytes).toBeWithin(1, now.memoryTotalBytes + 1);
    expect(now.diskUsedBytes).toBeWithin(0, now.diskTotalBytes + 1);
    expect(now.cpuCount).toBeGreaterThan(0);
  });
});
