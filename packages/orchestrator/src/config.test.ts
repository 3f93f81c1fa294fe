import { describe, expect, it } from "bun:test";
import { loadOrchestratorConfig } from "./config";

const needed = { GUEST_LAYER_DIR: "/g", LAUNCHER_PATH: "/l", INSTALLATION_TAG: "ab12" };

describe(loadOrchestratorConfig, () => {
  it("has a default for all but the installation's own places and tag", () => {
    const config = loadOrchestratorConfig(needed);
    expect(config).toMatchObject({
      grpcPort: 5008,
      proxyPort: 5007,
      maxSandboxes: 200,
      connectionsPerSandbox: 4_096,
      warmPoolSize: 4,
      warmBuilds: [],
    });
    expect(() => loadOrchestratorConfig({})).toThrow("INSTALLATION_TAG");
  });

  it("reads what to keep free and which older ways to take", () => {
    const { diskReserveMiB, runtimeForce } = loadOrchestratorConfig(needed);
    expect({ diskReserveMiB, runtimeForce }).toEqual({ diskReserveMiB: undefined, runtimeForce: [] });
    const said = { ...needed, DISK_RESERVE_MIB: "512", RUNTIME_FORCE: "loop-layers,cgroup-v1" };
    expect(loadOrchestratorConfig(said)).toMatchObject({
      diskReserveMiB: 512,
      runtimeForce: ["loop-layers", "cgroup-v1"],
    });
    expect(() => loadOrchestratorConfig({ ...needed, DISK_RESERVE_MIB: "half", RUNTIME_FORCE: "hope" })).toThrow(
      /DISK_RESERVE_MIB[\s\S]*RUNTIME_FORCE[\s\S]*got hope/,
    );
  });

  it("reads what makes machines, the default first, and refuses what is no runtime or named twice", () => {
    const read = (RUNTIMES: string) => loadOrchestratorConfig({ ...needed, RUNTIMES }).runtimes;
    expect(loadOrchestratorConfig(needed).runtimes).toEqual(["container"]);
    expect(read("qemu, container")).toEqual(["qemu", "container"]);
    expect(read("auto")).toBe("auto");
    for (const bad of ["auto,qemu", "qemu,qemu", "docker"]) expect(() => read(bad)).toThrow(`got ${bad}`);
  });

  it("reads builds to keep warm, and names every entry it cannot read", () => {
    const config = loadOrchestratorConfig({ ...needed, WARM_BUILDS: "b-1:2:1024:10240, b2:1:512:512:qemu" });
    expect(config.warmBuilds).toEqual([
      { runtime: "container", buildId: "b-1", cpuCount: 2, memoryMiB: 1024, diskMiB: 10240 },
      { runtime: "qemu", buildId: "b2", cpuCount: 1, memoryMiB: 512, diskMiB: 512 },
    ]);
    expect(() => loadOrchestratorConfig({ ...needed, WARM_BUILDS: "b:2,../x:1:1:1", INSTALLATION_TAG: "AB" })).toThrow(
      /INSTALLATION_TAG[\s\S]*got b:2[\s\S]*got \.\.\/x/,
    );
  });
});
