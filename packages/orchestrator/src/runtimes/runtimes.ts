/** What makes this node's machines: one runtime or several side by side. */
import type { RuntimeName } from "@sandlot/domain";
import type { Runtime } from "@sandlot/runtime-contract";
import { nodeFaults } from "../faults";

const ISOLATION: { readonly [K in RuntimeName]: string } = {
  container:
    "shared kernel; own user, pid, mount, network, ipc, uts, time and cgroup namespaces, seccomp, limits on cpu, memory, processes and disk",
  qemu: "virtual machine with a kernel of its own; its emulator is jailed: own user, mount and network namespaces, no capabilities, seccomp, limits on cpu, memory and processes",
  firecracker:
    "virtual machine with a kernel of its own; its monitor is jailed: own user, mount and network namespaces, no capabilities, seccomp, limits on cpu, memory and processes",
};

const ACCELERATION = { kvm: "the processor runs it (KVM)", tcg: "software runs it (TCG): 10 to 25 times slower" };

/** One line for people: what lies between a sandbox and this host. */
export function isolationOf({ name, facts }: Pick<Runtime, "name" | "facts">): string {
  const acceleration = facts?.acceleration === undefined ? "" : `; ${ACCELERATION[facts.acceleration]}`;
  return `${name}: ${facts?.isolation ?? ISOLATION[name]}${acceleration}`;
}

export class Runtimes {
  /** Those that make new machines, the default first. */
  readonly offered: readonly Runtime[];
  /** With those that only look after machines of an earlier run. */
  readonly all: readonly Runtime[];
  /** What was decided about them and why, for people. */
  readonly notes: readonly string[];

  /** @param offered at least one */
  constructor(of: { offered: readonly Runtime[]; retired?: readonly Runtime[]; notes?: readonly string[] }) {
    if (of.offered.length === 0) throw new Error("a node without a runtime");
    this.offered = of.offered;
    this.all = [...of.offered, ...(of.retired ?? [])];
    this.notes = of.notes ?? [];
  }

  get names(): RuntimeName[] {
    return this.offered.map(({ name }) => name);
  }

  get default(): Runtime {
    return this.offered[0] as Runtime;
  }

  /** One that makes new machines. @throws Fault `node_runtime_not_offered` */
  offer(name: RuntimeName): Runtime {
    const found = this.offered.find((one) => one.name === name);
    if (found === undefined) throw nodeFaults.runtime_not_offered({ runtime: name, offered: this.names.join(", ") });
    return found;
  }

  /** One that has made machines. @throws Fault `node_runtime_not_offered` */
  of(name: RuntimeName): Runtime {
    return this.all.find((one) => one.name === name) ?? this.offer(name);
  }
}

export function oneRuntime(runtime: Runtime): Runtimes {
  return new Runtimes({ offered: [runtime] });
}
