import { describe, expect, it } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { defineFaults, isFault } from "@sandlot/faults";
import { toConnect } from "@sandlot/faults/wire";
import { machineFaults } from "@sandlot/runtime-contract";
import { type FakeNode, fakeNode } from "../../test/fake-node";
import { eventually } from "../../test/fakes/eventually";
import { BUILD, LAYER } from "../../test/fakes/temp-node";
import { Seals } from "./seals";

const SEALED = "22222222-2222-4222-8222-222222222222";
const OTHER = "33333333-3333-4333-8333-333333333333";
const pause = (node: FakeNode, of: { memory?: boolean; buildId?: string } = {}) =>
  node.sandboxes.pause({ sandboxId: "i1", buildId: of.buildId ?? SEALED, memory: of.memory ?? true });
const resume = (node: FakeNode, more: { filesystemBoot?: boolean } = {}) =>
  node.make("i1", { buildId: SEALED, snapshot: true, envVars: {} }, more);
const faultOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown) => (isFault(thrown) ? thrown.code : thrown),
  );

/** Lets the paused sandbox's machine go, so that only the build is left. */
async function forgetMachines(node: FakeNode): Promise<void> {
  for (const machine of [...node.runtime.machines.values()]) await machine.end();
  await eventually(() => node.slots.out.size === 0);
}

describe(Seals, () => {
  it("pauses: not listed, not found, cut; and resuming thaws the very machine with its identity", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    const bytes = await pause(node);
    expect(bytes.disk).toBeGreaterThan(0);
    expect(bytes.memory).toBeGreaterThan(0);
    expect(node.sandboxes.list()).toEqual([]);
    expect(node.sandboxes.find("i1")).toBeUndefined();
    expect(node.cuts).toEqual([machine.machineId]);
    expect(machine.frozen).toBe(true);
    await resume(node);
    expect(node.runtime.only).toBe(machine);
    expect(node.runtime.started).toBe(1);
    expect(machine.frozen).toBe(false);
    expect(machine.envd.token).toBe("token-1");
    // Who resumes says nothing of the variables: they are what they were, also for an envd that is restarted.
    expect(machine.envd.envs).toMatchObject({ COLOUR: "blue" });
    expect(machine.envd.inits.at(-1)?.body).not.toHaveProperty("envVars");
    expect(node.sandboxes.find("i1")?.record.config.envVars).toEqual({ COLOUR: "blue" });
  });

  it("writes a build that says what it is made of, its secrets not in the manifest", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    await pause(node);
    const dir = join(node.temp.dir, "artifacts/builds", SEALED);
    const text = readFileSync(join(dir, "build.json"), "utf8");
    const manifest = JSON.parse(text);
    expect(manifest).toMatchObject({ version: 2, buildId: SEALED, user: "user", workdir: "/home/user" });
    expect(manifest.layers).toHaveLength(2);
    expect(manifest.layers[1].sha256).toBe(LAYER);
    expect(manifest.memory).toMatchObject({ runtime: "container", format: "fake-1", guestLayer: "now" });
    expect(manifest.memory.files.map(({ name }: { name: string }) => name)).toEqual(["pages.json", "identity.json"]);
    expect(text).not.toContain("token-1");
    expect(readdirSync(join(node.temp.dir, "artifacts/staging"))).toEqual([]);
  });

  it("restores from the build when the machine is gone, and gives another sandbox its own token and rules first", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    await pause(node);
    await forgetMachines(node);
    await resume(node);
    const restored = node.runtime.only;
    expect(restored.request.restore).toMatchObject({ identity: "keep", memory: { format: "fake-1" } });
    expect(restored.request.restore?.memory.files.map(({ name }) => name)).toEqual(["pages.json"]);
    expect(restored.request.guestLayerDir).toBe(join(node.temp.dir, "artifacts/guest/now"));
    expect(restored.envd.envs).toMatchObject({ E2B_SANDBOX_ID: "i1", COLOUR: "blue" });
    const rulesAtStart: unknown[] = [];
    node.runtime.onStart = async ({ slot }) => {
      rulesAtStart.push(node.slots.egress.get(Number(slot.address.split(".")[3]) - 1));
    };
    await node.make("i2", { buildId: SEALED, envdAccessToken: "token-2", allowInternetAccess: false });
    const fork = [...node.runtime.machines.values()].find((machine) => machine !== restored);
    expect(fork?.request.restore?.identity).toBe("new");
    expect(rulesAtStart).toMatchObject([{ deniedCidrs: ["0.0.0.0/0"] }]);
    expect(fork?.envd.token).toBe("token-2");
    expect(restored.envd.token).toBe("token-1");
    expect(fork?.envd.inits.map(({ status }) => status)).toEqual([204]);
  });

  it("without memory ends the machine, and boots the next from the disk", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    expect((await pause(node, { memory: false })).memory).toBe(0);
    expect(node.runtime.machines.size).toBe(0);
    await resume(node);
    expect(node.runtime.only.request.restore).toBeUndefined();
    expect(node.runtime.only.request.build.layers).toHaveLength(2);
  });

  it("boots from the disk when told to, although there is memory and a frozen machine", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    await pause(node);
    await resume(node, { filesystemBoot: true });
    await eventually(() => !node.runtime.machines.has(machine.machineId));
    expect(node.runtime.only.request.restore).toBeUndefined();
  });

  it("joins the same pause and answers it again later", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const [a, b] = await Promise.all([pause(node), pause(node)]);
    expect(a).toEqual(b);
    expect(await pause(node)).toEqual(a);
    expect(await faultOf(pause(node, { buildId: OTHER }))).toBe("node_sandbox_missing");
    await node.restart();
    expect(await pause(node)).toEqual(a);
  });

  it("runs on after a seal that failed, with its connections, and can be paused again", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    machine.onSeal = async () => {
      throw machineFaults.unsealable({ reason: "io_uring" });
    };
    expect(await faultOf(pause(node))).toBe("machine_unsealable");
    expect(machine.frozen).toBe(false);
    expect(node.sandboxes.find("i1")?.guest.machineId).toBe(machine.machineId);
    expect(node.cuts).toEqual([]);
    expect(existsSync(join(node.temp.dir, "artifacts/builds", SEALED))).toBe(false);
    machine.onSeal = async () => undefined;
    await pause(node);
  });

  it("tells a guest that cannot be stopped in time from a node that does not answer in time", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const slow = defineFaults("slow", { guest: { kind: "timed_out", say: () => "it did not answer" } });
    node.runtime.only.freeze = () => Promise.reject(slow.guest({}));
    const thrown = await pause(node).catch((t) => t);
    expect(thrown).toMatchObject({ code: "node_not_frozen", message: expect.stringContaining("it did not answer") });
    // What the API makes "it was not saved and runs on" of; see its `askForSeal`.
    expect(toConnect(thrown).code).toBe(Code.ResourceExhausted);
    expect(node.sandboxes.find("i1")).toBeDefined();
  });

  it("holds requests until a pause has ended one way or the other", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const gate = Promise.withResolvers<void>();
    node.runtime.only.onSeal = () => gate.promise;
    const paused = pause(node);
    await eventually(() => node.runtime.only.frozen);
    expect(node.sandboxes.find("i1")).toBeUndefined();
    expect(node.sandboxes.list()).toHaveLength(1);
    const reached = node.sandboxes.reach("i1");
    gate.reject(new Error("no"));
    expect((await reached)?.record.sandboxId).toBe("i1");
    await paused.catch(() => undefined);
  });

  it("is killed at once while it is being paused, and leaves no build", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    machine.onSeal = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    let thaws = 0;
    machine.onThaw = () => {
      thaws += 1;
    };
    const paused = faultOf(pause(node));
    await eventually(() => machine.frozen);
    await node.sandboxes.end("i1", "request");
    expect(await paused).toBe("node_killed_while_pausing");
    expect(thaws).toBe(0);
    await eventually(() => node.slots.out.size === 0);
    expect(existsSync(join(node.temp.dir, "artifacts/builds", SEALED))).toBe(false);
  });

  it("is killed at once while a pause that failed tries to thaw it", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    machine.onSeal = async () => {
      throw machineFaults.unsealable({ reason: "io_uring" });
    };
    const thawing = Promise.withResolvers<void>();
    machine.onThaw = () => {
      thawing.resolve();
      return new Promise(() => undefined);
    };
    const paused = faultOf(pause(node));
    await thawing.promise;
    await node.sandboxes.end("i1", "request");
    expect(await paused).toBe("node_killed_while_pausing");
    await eventually(() => node.slots.out.size === 0);
  });

  it("checkpoints in place: live and found throughout, thawed before the build is committed", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const machine = node.runtime.only;
    const gate = Promise.withResolvers<void>();
    machine.onSeal = () => gate.promise;
    const saved = node.sandboxes.checkpoint({ sandboxId: "i1", buildId: SEALED });
    await eventually(() => machine.frozen);
    expect(node.sandboxes.find("i1")).toBeDefined();
    const killed = node.sandboxes.checkpoint({ sandboxId: "i1", buildId: SEALED }); // joins
    machine.onThaw = () => expect(existsSync(join(node.temp.dir, "artifacts/builds", SEALED))).toBe(false);
    gate.resolve();
    expect(await saved).toEqual(await killed);
    expect(machine.frozen).toBe(false);
    expect(node.cuts).toEqual([]);
    machine.onThaw = () => undefined;
    // A kill, or a pause, waits for a checkpoint.
    const slow = Promise.withResolvers<void>();
    machine.onSeal = () => slow.promise;
    const second = node.sandboxes.checkpoint({ sandboxId: "i1", buildId: OTHER });
    const ended = node.sandboxes.end("i1", "request");
    slow.resolve();
    await Promise.all([second, ended]);
    expect(existsSync(join(node.temp.dir, "artifacts/builds", OTHER))).toBe(true);
    expect(node.runtime.machines.size).toBe(0);
  });

  it("refuses memory where none can be saved, says why, and pauses the disk all the same", async () => {
    await using node = await fakeNode();
    node.runtime.capabilities = {
      ...node.runtime.capabilities,
      memorySnapshots: false,
      memorySnapshotsProblem: "no CRIU; run doctor",
    };
    await node.make("i1");
    const thrown = await pause(node).catch((t) => t);
    expect(thrown.code).toBe("node_no_memory_snapshots");
    expect(thrown.message).toContain("run doctor");
    expect(node.sandboxes.find("i1")).toBeDefined();
    await pause(node, { memory: false });
  });

  it("refuses to pause onto a disk below its watermark, before anything is frozen", async () => {
    await using node = await fakeNode({ diskReserveMiB: 999_999_999 });
    await node.make("i1");
    node.runtime.only.freeze = () => Promise.reject(new Error("it must not be frozen"));
    expect(await faultOf(pause(node))).toBe("node_disk_low_for_seal");
    expect(node.sandboxes.find("i1")).toBeDefined();
  });

  it("does not boot in place of memory that cannot be restored", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    await pause(node);
    await forgetMachines(node);
    const path = join(node.temp.dir, "artifacts/builds", SEALED, "build.json");
    await Bun.write(path, readFileSync(path, "utf8").replace("fake-1", "fake-0"));
    expect(await faultOf(resume(node))).toBe("machine_seal_unreadable");
    expect(node.sandboxes.list()).toEqual([]);
    expect(node.slots.out.size).toBe(0);
  });

  it("keeps the frozen machine over a restart, and gives it back when it is one too many or its build goes", async () => {
    await using node = await fakeNode({ resumeCacheSize: 1 });
    await node.make("i1");
    const machine = node.runtime.only;
    await pause(node);
    await node.restart();
    expect(node.sandboxes.list()).toEqual([]);
    expect(machine.frozen).toBe(true);
    await resume(node);
    expect(node.runtime.only).toBe(machine);
    await pause(node, { buildId: OTHER });
    await node.make("i2");
    await node.sandboxes.pause({ sandboxId: "i2", buildId: BUILD.replace("1", "4"), memory: true });
    await eventually(() => !node.runtime.machines.has(machine.machineId));
    expect(node.runtime.machines.size).toBe(1);
    await node.parts.garbage.removeBuilds([BUILD.replace("1", "4")]);
    await eventually(() => node.slots.out.size === 0);
  });

  it("collects layers that nobody refers to, and none that a machine lies on", async () => {
    await using node = await fakeNode({ resumeCacheSize: 0 });
    const layers = () => readdirSync(join(node.temp.dir, "artifacts/layers")).length;
    await node.make("i1");
    await pause(node);
    await forgetMachines(node);
    await resume(node);
    await node.parts.garbage.removeBuilds([SEALED]);
    const guestLayers = join(node.temp.dir, "artifacts/guest");
    for (const name of ["old", "new"]) mkdirSync(join(guestLayers, name));
    await node.parts.garbage.collect();
    expect(layers()).toBe(2); // it lies on its old build
    expect(readdirSync(guestLayers)).toEqual(["now"]); // the machine's and this run's
    await node.sandboxes.end("i1", "request");
    await eventually(() => node.slots.out.size === 0);
    await node.parts.garbage.collect();
    expect(layers()).toBe(1);
  });
});
