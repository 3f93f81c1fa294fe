import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { SandboxConfigSchema, SandboxNetworkConfigSchema } from "@sandlot/contracts/orchestrator";
import { tempNode } from "../../test/fakes/temp-node";
import { Journal, type MachineRecord } from "./journal";
import { SCHEMA_STEPS } from "./schema";

const machine = (machineId: string, slotIndex: number): MachineRecord => ({
  machineId,
  slotIndex,
  shape: { runtime: "container", buildId: "b", cpuCount: 2, memoryMiB: 512, diskMiB: 1024 },
  defaultUser: "user",
  defaultWorkdir: "/home/user",
  recipe: { guestLayer: "/guest/abc", fingerprint: "f" },
  origin: { layers: [{ sha256: "abc", sizeBytes: 5 }], user: "u", workdir: "/", envs: {}, envdVersion: "1" },
  state: "starting",
  madeAtMs: 5,
});

const config = create(SandboxConfigSchema, {
  sandboxId: "iabc",
  teamId: "team",
  vcpu: 2n,
  metadata: { a: "ü" },
  envVars: { EMPTY: "" },
  network: create(SandboxNetworkConfigSchema, { egress: { deniedCidrs: ["0.0.0.0/0"] } }),
});

describe(Journal, () => {
  it("gives back after a reopening what was written before it, secrets readable by the owner only", () => {
    using node = tempNode();
    const path = join(node.config.basePath, "journal.sqlite");
    {
      using journal = new Journal(path);
      journal.recordMachine(machine("m1", 1));
      journal.setMachineState("m1", "warm");
      journal.recordMachine(machine("m2", 2));
      journal.recordSandbox("m2", { sandboxId: "iabc", config, startedAtMs: 1, endsAtMs: 2 });
      journal.setMachineState("m2", "live");
      journal.updateSandbox("iabc", { config, endsAtMs: 99 });
    }
    using journal = new Journal(path);
    expect(journal.readAll()).toEqual([
      { machine: { ...machine("m1", 1), state: "warm" }, sandbox: undefined },
      {
        machine: { ...machine("m2", 2), state: "live" },
        sandbox: { sandboxId: "iabc", config, startedAtMs: 1, endsAtMs: 99 },
      },
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("frees the sandbox's id when its machine is to end, and forgets both together", () => {
    using journal = new Journal(":memory:");
    journal.recordMachine(machine("m1", 1));
    journal.recordSandbox("m1", { sandboxId: "iabc", config, startedAtMs: 1, endsAtMs: 2 });
    journal.recordEnding("m1");
    journal.recordMachine(machine("m2", 2));
    journal.recordSandbox("m2", { sandboxId: "iabc", config, startedAtMs: 1, endsAtMs: 2 });
    expect(journal.readAll().map((e) => [e.machine.state, e.sandbox?.sandboxId])).toEqual([
      ["ending", undefined],
      ["starting", "iabc"],
    ]);
    journal.forgetMachine("m1");
    journal.forgetMachine("m2");
    journal.forgetMachine("m2");
    expect(journal.readAll()).toEqual([]);
  });

  it("reads a journal of before machines had recipes", () => {
    using node = tempNode();
    const path = join(node.config.basePath, "journal.sqlite");
    mkdirSync(node.config.basePath);
    const db = new Database(path);
    db.run(SCHEMA_STEPS[0] ?? "");
    db.run("INSERT INTO machines VALUES ('m1', 1, 'b', 2, 512, 1024, 'user', '/home/user', 'warm', 5)");
    db.run("PRAGMA user_version = 1");
    db.close();
    using journal = new Journal(path);
    const recipe = { guestLayer: "", fingerprint: "" };
    expect(journal.readAll()).toEqual([
      { machine: { ...machine("m1", 1), origin: undefined, state: "warm", recipe }, sandbox: undefined },
    ]);
  });

  it("refuses a journal of a newer release rather than misreading it", () => {
    using node = tempNode();
    const path = join(node.config.basePath, "journal.sqlite");
    new Journal(path)[Symbol.dispose]();
    const db = new Database(path);
    db.run("PRAGMA user_version = 99");
    db.close();
    expect(() => new Journal(path)).toThrow("newer release");
  });
});
