import { describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { SandboxNetworkDomainRulesSchema, SandboxNetworkEgressConfigSchema } from "@sandlot/contracts/orchestrator";
import { isFault } from "@sandlot/faults";
import { fakeNode } from "../../test/fake-node";
import { eventually } from "../../test/fakes/eventually";
import { EGRESS_CA } from "../../test/fakes/slots";
import { Sandboxes } from "./sandboxes";

describe(Sandboxes, () => {
  it("starts a sandbox, gives it its identity, lists it, and ends it without a trace", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const { envd, machineId } = node.runtime.only;
    expect(envd.inits).toHaveLength(1);
    expect(envd.inits[0]?.body).toMatchObject({
      accessToken: "token-1",
      envVars: { COLOUR: "blue" },
      defaultUser: "user",
      defaultWorkdir: "/home/user",
      sandboxId: "i1",
      templateId: "template1",
      hostname: "i1",
    });
    expect(node.sandboxes.list().map(({ record }) => record.sandboxId)).toEqual(["i1"]);
    const ending = node.sandboxes.end("i1", "request");
    expect(node.sandboxes.find("i1")).toBeUndefined(); // gone before anything is cut
    await Promise.all([ending, node.sandboxes.end("i1", "request")]); // a second ending joins
    expect(node.cuts).toEqual([machineId]);
    expect(node.runtime.machines.size).toBe(0);
    await eventually(() => node.slots.out.size === 0);
    expect(isFault(await node.sandboxes.end("i1", "request").catch((t) => t), "node_sandbox_missing")).toBe(true);
  });

  it("joins a second create of the same id, also once it runs", async () => {
    await using node = await fakeNode();
    await Promise.all([node.make("i1"), node.make("i1")]);
    await node.make("i1");
    expect(node.runtime.started).toBe(1);
  });

  it("waits for an ending of the same id and then makes it anew", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const first = node.runtime.only.machineId;
    const ending = node.sandboxes.end("i1", "request");
    await node.make("i1");
    await ending;
    expect(node.runtime.only.machineId).not.toBe(first);
  });

  it("leaves nothing behind when the machine does not start or refuses its identity", async () => {
    await using node = await fakeNode();
    node.runtime.onStart = () => Promise.reject(new Error("no room on the disk"));
    await expect(node.make("i1")).rejects.toThrow("no room on the disk");
    expect(node.slots.out.size).toBe(0);
    node.runtime.onStart = async () => undefined;
    node.slots.failEgress = new Error("nft said no");
    await expect(node.make("i1", { allowInternetAccess: false })).rejects.toThrow("nft said no");
    await eventually(() => node.slots.out.size === 0 && node.runtime.machines.size === 0);
    await node.make("i1"); // the same id is free again
  });

  it("says that the files are not there in the words of the wire", async () => {
    await using node = await fakeNode();
    const thrown = await node.make("i1", { buildId: "no-such-build" }).catch((t) => t);
    expect(isFault(thrown, "node_files_missing")).toBe(true);
    expect(thrown.message).toBe("sandbox files for 'no-such-build' not found");
    expect(node.slots.out.size).toBe(0);
  });

  it("stops a start when told to end it, and leaves nothing", async () => {
    await using node = await fakeNode();
    const waiting = Promise.withResolvers<void>();
    node.runtime.onStart = (_, signal) =>
      new Promise((_resolve, reject) => {
        waiting.resolve();
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const made = node.make("i1").catch((t) => t);
    await waiting.promise;
    await node.sandboxes.end("i1", "request");
    expect(isFault(await made, "node_killed_while_starting")).toBe(true);
    expect(node.slots.out.size).toBe(0);
    expect(node.sandboxes.list()).toEqual([]);
  });

  it("refuses more sandboxes than the node may carry", async () => {
    await using node = await fakeNode({ maxSandboxes: 1 });
    await node.make("i1");
    const thrown = await node.make("i2").catch((t) => t);
    expect(isFault(thrown, "node_full")).toBe(true);
    await node.sandboxes.end("i1", "request");
    await node.make("i2");
  });

  it("drops a sandbox whose machine dies by itself", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    await node.runtime.only.die({ exitCode: 137, outOfMemory: true });
    await eventually(() => node.slots.out.size === 0);
    expect(node.sandboxes.list()).toEqual([]);
    expect(node.cuts).toHaveLength(1);
  });

  it("gives an envd that was restarted inside its token and environment again, and holds traffic until then", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const sandbox = node.sandboxes.find("i1");
    const { envd } = node.runtime.only;
    await eventually(() => envd.lifelines === 1);
    const restarting = envd.restart();
    await eventually(() => sandbox?.lifeline.isUp === false);
    expect(await sandbox?.lifeline.ready()).toBe(true);
    await restarting;
    expect(envd.token).toBe("token-1");
    expect(envd.envs).toEqual({ E2B_SANDBOX_ID: "i1", COLOUR: "blue" });
    expect(envd.inits).toHaveLength(2);
  });

  it("applies egress before identity and replaces it as a whole on update", async () => {
    await using node = await fakeNode();
    await node.make("i1", { allowInternetAccess: false });
    const slot = node.sandboxes.find("i1")?.guest.slot.index ?? -1;
    expect(node.slots.egress.get(slot)).toMatchObject({ allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
    const egress = create(SandboxNetworkEgressConfigSchema, { deniedCidrs: ["8.8.8.8/32"] });
    await node.sandboxes.update("i1", { endsAtMs: 77, egress });
    expect(node.slots.egress.get(slot)).toMatchObject({ allowedCidrs: [], deniedCidrs: ["8.8.8.8/32"] });
    await node.restart();
    expect(node.sandboxes.find("i1")?.record).toMatchObject({ endsAtMs: 77 });
    expect(node.slots.egress.get(slot)).toMatchObject({ allowedCidrs: [], deniedCidrs: ["8.8.8.8/32"] });
    const domains = create(SandboxNetworkEgressConfigSchema, { allowedDomains: ["example.com"] });
    await node.sandboxes.update("i1", { endsAtMs: undefined, egress: domains });
    const owner = { sandboxId: "i1", audiences: {} };
    expect(node.slots.egress.get(slot)).toMatchObject({ deniedCidrs: [], allowedDomains: ["example.com"], owner });
    expect(node.runtime.only.envd.inits).toHaveLength(1);
    const rules = { "api.test": create(SandboxNetworkDomainRulesSchema) };
    const ruled = create(SandboxNetworkEgressConfigSchema, { rules });
    await node.sandboxes.update("i1", { endsAtMs: undefined, egress: ruled });
    expect(node.runtime.only.envd.inits.at(-1)?.body).toMatchObject({ caBundle: EGRESS_CA });
  });

  it("takes its sandboxes over after a restart, same machine and slot, without a new identity", async () => {
    await using node = await fakeNode();
    await node.make("i1");
    const { machineId, envd } = node.runtime.only;
    await node.restart();
    const sandbox = node.sandboxes.find("i1");
    expect(sandbox?.guest.machineId).toBe(machineId);
    expect(sandbox?.record.config.metadata).toEqual({ owner: "tests" });
    expect(await sandbox?.lifeline.ready()).toBe(true);
    expect(envd.inits).toHaveLength(1);
    await node.sandboxes.end("i1", "request");
    await eventually(() => node.slots.out.size === 0);
  });
});
