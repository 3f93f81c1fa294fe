/** A runtime in this process. Its machines outlive the node that made them, as real ones do. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Machine,
  machineFaults,
  type Runtime,
  type RuntimeCapabilities,
  type RuntimeFacts,
  type RuntimeProbe,
  type StartMachine,
} from "@sandlot/runtime-contract";
import { startFakeEnvd } from "./envd";
import { FakeMachine } from "./machine";

export class FakeRuntime implements Runtime {
  readonly name: Runtime["name"];
  readonly facts: RuntimeFacts;
  capabilities: RuntimeCapabilities = {
    memorySnapshots: true,
    filesystemSnapshots: true,
    diskLimit: true,
    nestedContainers: false,
    hardwareIsolation: false,
  };
  /** Machines that are restored say theirs themselves. */
  guestLayerDir = "/guest";
  readonly machines = new Map<string, FakeMachine>();
  readonly swept: ReadonlySet<string>[] = [];
  started = 0;
  /** Called before each start; throw to fail it, wait to slow it down. */
  onStart: (request: StartMachine, signal: AbortSignal) => Promise<void> = async () => undefined;

  constructor(name: Runtime["name"] = "container") {
    this.name = name;
    this.facts = name === "container" ? {} : { acceleration: "tcg", kernel: "6.1.0-test" };
  }
  async probe(): Promise<RuntimeProbe> {
    return { usable: true, problems: [], notes: [] };
  }
  async start(request: StartMachine, signal: AbortSignal): Promise<FakeMachine> {
    this.started += 1;
    await this.onStart(request, signal);
    signal.throwIfAborted();
    const { restore } = request;
    if (this.name === "container" && request.build.layers.some(({ kind }) => kind === "qcow2"))
      throw new Error("a container cannot read a virtual machine's disk");
    if (restore !== undefined && (restore.memory.format !== "fake-1" || restore.memory.runtime !== this.name))
      throw machineFaults.seal_unreadable({ reason: `format ${restore.memory.format}` });
    const memory = restore && JSON.parse(readFileSync(join(restore.directory, "pages.json"), "utf8"));
    const envd = await startFakeEnvd(request.slot.address, memory);
    const machine = new FakeMachine(request, envd, this, () => this.machines.delete(request.machineId));
    this.machines.set(machine.machineId, machine);
    return machine;
  }
  async list(): Promise<Machine[]> {
    return [...this.machines.values()];
  }
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    this.swept.push(keep);
    for (const machine of [...this.machines.values()]) if (!keep.has(machine.machineId)) await machine.end();
  }
  get only(): FakeMachine {
    const [machine, ...others] = this.machines.values();
    if (machine === undefined || others.length > 0)
      throw new Error(`there are ${this.machines.size} machines, not one`);
    return machine;
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}
