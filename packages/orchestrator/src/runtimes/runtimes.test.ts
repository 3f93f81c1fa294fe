import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { variantId } from "@sandlot/storage";
import { fakeNode } from "../../test/fake-node";
import { eventually } from "../../test/fakes/eventually";
import { FakeRuntime } from "../../test/fakes/runtime";
import { BUILD, LAYER } from "../../test/fakes/temp-node";
import { Runtimes } from "./runtimes";

const never = new AbortController().signal;

/** A node with containers and virtual machines, and `base` made for both. */
async function mixedNode() {
  const qemu = new FakeRuntime("qemu");
  const node = await fakeNode({}, [qemu]);
  qemu.guestLayerDir = node.temp.config.guestLayerDir;
  return { node, qemu };
}

/** As a builder leaves it. */
async function bake(node: Awaited<ReturnType<typeof fakeNode>>): Promise<void> {
  const artifacts = await node.temp.openArtifacts();
  await using staged = await artifacts.stage();
  writeFileSync(join(staged.directory, "disk.qcow2"), "disk");
  const sha256 = new Bun.CryptoHasher("sha256").update("disk").digest("hex");
  const { manifest } = await artifacts.load(BUILD, never);
  const layer = { sha256, sizeBytes: 4, kind: "qcow2" as const };
  const buildId = variantId(BUILD, "qemu");
  const wanted = {
    ...manifest,
    buildId,
    layers: [layer, { sha256: LAYER, sizeBytes: 0 }],
    runtimes: ["qemu" as const],
  };
  await artifacts.commit({ manifest: wanted, staged, layer: "disk.qcow2" });
  await artifacts[Symbol.asyncDispose]();
}

describe(Runtimes, () => {
  it("makes each sandbox's machine by the runtime that its create names, the default where none is named", async () => {
    const { node, qemu } = await mixedNode();
    await using _ = node;
    await bake(node);
    await node.make("i1");
    await node.make("i2", { runtime: "qemu" });
    expect([node.runtime.only.request.build.layers.length, qemu.only.request.build.layers.length]).toEqual([1, 2]);
    expect(qemu.only.layers[0]?.kind).toBe("qcow2");
    expect(node.parts.sandboxes.find("i2")?.record.config.runtime).toBe("qemu");
    expect(node.parts.sandboxes.find("i1")?.record.config.runtime).toBe("container");
  });

  it("starts nothing on a runtime that the build was not made for, and says what it runs on", async () => {
    const { node, qemu } = await mixedNode();
    await using _ = node;
    const thrown = await node.make("i1", { runtime: "qemu" }).catch((fault) => fault);
    expect(isFault(thrown, "node_build_other_runtime")).toBe(true);
    expect(thrown.message).toContain("only on container");
    expect(qemu.started).toBe(0);
    const other = await node.make("i2", { runtime: "firecracker" }).catch((fault) => fault);
    expect(isFault(other, "node_runtime_not_offered")).toBe(true);
    expect(other.message).toContain("only on container, qemu");
  });

  it("writes down what a paused sandbox ran on, and resumes and forks it there alone", async () => {
    const { node, qemu } = await mixedNode();
    await using _ = node;
    await bake(node);
    await node.make("i1", { runtime: "qemu" });
    await node.parts.sandboxes.pause({ sandboxId: "i1", buildId: "p1", memory: true });
    await using artifacts = await node.temp.openArtifacts();
    const { manifest } = await artifacts.load("p1", never);
    expect(manifest).toMatchObject({ runtimes: ["qemu"], kernel: "6.1.0-test", memory: { runtime: "qemu" } });
    expect(manifest.layers.map(({ kind }) => kind)).toEqual(["qcow2", "qcow2", undefined]);
    const fork = await node.make("i2", { buildId: "p1" }).catch((fault) => fault);
    expect(isFault(fork, "node_build_other_runtime")).toBe(true);
    await node.make("i3", { buildId: "p1", runtime: "qemu" });
    await node.make("i1", { buildId: "p1", runtime: "qemu", snapshot: true });
    expect(qemu.machines.size).toBe(2);
    expect(node.runtime.machines.size).toBe(0);
  });

  it("takes machines of all runtimes over after a restart, and removes a build with all that was made of it", async () => {
    const { node, qemu } = await mixedNode();
    await using _ = node;
    await bake(node);
    await node.make("i1");
    await node.make("i2", { runtime: "qemu" });
    const machines = [node.runtime.only.machineId, qemu.only.machineId];
    await node.restart();
    expect(["i1", "i2"].map((id) => node.parts.sandboxes.find(id)?.guest.machineId)).toEqual(machines);
    await node.parts.garbage.removeBuilds([BUILD]);
    await using artifacts = await node.temp.openArtifacts();
    await eventually(() => node.runtime.machines.size === 1);
    expect(await Promise.all([BUILD, variantId(BUILD, "qemu")].map((id) => artifacts.has(id, never)))).toEqual([
      false,
      false,
    ]);
    await Promise.all(["i1", "i2"].map((id) => node.parts.sandboxes.end(id, "test")));
    expect(qemu.machines.size).toBe(0);
  });

  it("refuses memory where the sandbox's own runtime saves none, whatever the others do", async () => {
    const { node, qemu } = await mixedNode();
    await using _ = node;
    await bake(node);
    qemu.capabilities = { ...qemu.capabilities, memorySnapshots: false, memorySnapshotsProblem: "no room for it" };
    await node.make("i1");
    await node.make("i2", { runtime: "qemu" });
    const refused = await node.parts.sandboxes.pause({ sandboxId: "i2", buildId: "p2", memory: true }).catch((t) => t);
    expect(isFault(refused, "node_no_memory_snapshots")).toBe(true);
    expect(refused.message).toContain("no room for it");
    await node.parts.sandboxes.pause({ sandboxId: "i1", buildId: "p1", memory: true });
  });
});
