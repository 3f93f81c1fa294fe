/** What virtual machines need of this host, and what is there of it. */
import { existsSync } from "node:fs";
import { VM_NEEDS } from "../guest-kernel/ensure-kernel";
import { lastKernelFailure, listKernels } from "../guest-kernel/find-kernel";
import { missingPackages } from "../host/packages";
import type { NodeRuntime } from "../services/node-info";
import { type Finding, good, note, problem } from "./finding";

export type VmHost = {
  /** The setting of the installation, or what it would be. */
  readonly runtime: string;
  readonly missing: readonly string[];
  readonly kernelVersion: string | undefined;
  readonly kernelFailure: string | undefined;
  readonly hasKvm: boolean;
  readonly hasTun: boolean;
  /** Of a node that runs: what its trial has shown. */
  readonly proven: readonly Pick<NodeRuntime, "name" | "acceleration" | "problems" | "isProven">[];
};

export async function judgeVirtualMachines(of: {
  runtime: string | undefined;
  proven: VmHost["proven"] | undefined;
}): Promise<Finding[]> {
  return judgeVms({
    runtime: of.runtime ?? "container",
    missing: await missingPackages(VM_NEEDS),
    kernelVersion: listKernels()[0]?.version,
    kernelFailure: lastKernelFailure(),
    hasKvm: existsSync("/dev/kvm"),
    hasTun: existsSync("/dev/net/tun"),
    proven: of.proven ?? [],
  });
}

/** Pure. Where no virtual machines are asked for nothing of it is a problem. */
export function judgeVms(host: VmHost): Finding[] {
  const isAsked = host.runtime !== "container";
  return [
    judgeChoice(host),
    judgePrograms(host),
    judgeKernelOfGuests(host),
    host.hasTun
      ? good("tap devices", "/dev/net/tun is there")
      : (isAsked ? problem : note)("tap devices", "there is no /dev/net/tun: no guest has a network", "modprobe tun"),
    judgeAcceleration(host),
    ...judgeTrials(host),
  ];
}

function judgeChoice({ runtime }: VmHost): Finding {
  if (runtime !== "container") return good("runtime", `sandboxes run on ${runtime}`);
  return note(
    "runtime",
    "sandboxes are containers; virtual machines are there when asked for",
    "./sandlot up --runtime container,qemu",
  );
}

function judgePrograms({ missing }: VmHost): Finding {
  if (missing.length === 0) return good("qemu", `${VM_NEEDS.join(" and ")} are installed`);
  return note(
    "qemu",
    `up --runtime qemu installs ${missing.join(", ")}`,
    `apt-get install --no-install-recommends ${missing.join(" ")}`,
  );
}

function judgeKernelOfGuests({ kernelVersion, kernelFailure }: VmHost): Finding {
  if (kernelVersion !== undefined) return good("guest kernel", `${kernelVersion} is here`);
  if (kernelFailure === undefined) return note("guest kernel", "up --runtime qemu fetches one");
  const cure = "put a mirror of Debian into apt's sources, then ./sandlot up --runtime qemu";
  return note("guest kernel", `none could be had: ${kernelFailure}`, cure);
}

const SOFTWARE = "guests are run by software, 10 to 25 times slower";

/** That a device is there says little: only a guest that boots is a proof. */
function judgeAcceleration({ hasKvm, proven }: VmHost): Finding {
  const how = proven.find(({ name, isProven, problems }) => name !== "container" && isProven && problems.length === 0);
  if (how?.acceleration === "kvm") return good("acceleration", "a guest has booted on /dev/kvm");
  if (how !== undefined && hasKvm)
    return note("acceleration", `no guest boots on /dev/kvm: ${SOFTWARE}`, "a host whose KVM runs ordinary guests");
  if (hasKvm) return note("acceleration", "/dev/kvm is there; whether guests boot on it shows at the first start");
  return note(
    "acceleration",
    `there is no /dev/kvm: ${SOFTWARE}`,
    "turn virtualization on in the firmware, or modprobe kvm_intel or kvm_amd",
  );
}

function judgeTrials({ proven }: VmHost): Finding[] {
  return proven
    .filter(({ name, problems }) => name !== "container" && problems.length > 0)
    .map(({ name, problems }) =>
      problem(name, `its trial machine failed: ${problems.join("; ")}`, "./sandlot logs orchestrator"),
    );
}
