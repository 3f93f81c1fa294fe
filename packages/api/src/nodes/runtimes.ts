/** What nodes say of what makes their machines. Pure. */
import type { RuntimeInfo, ServiceInfoResponse } from "@sandlot/contracts/info";
import { isRuntimeName, type RuntimeName } from "@sandlot/domain";
import type { Node } from "./node";

type Said = Pick<ServiceInfoResponse, "runtime" | "runtimes" | "memorySnapshots" | "memorySnapshotsProblem">;

export type OfferedRuntime = {
  readonly name: RuntimeName;
  readonly isolation: string;
  /** `kvm`, `tcg`, or empty for what is no virtual machine. */
  readonly acceleration: string;
  readonly kernelVersion: string;
  readonly memorySnapshots: boolean;
  readonly memorySnapshotsProblem: string;
  readonly problems: readonly string[];
};

/** Of one node, its default first. A node of before there were several says one, and whether that saves memory. */
export function runtimesOf(node: { readonly last: Said | undefined }): readonly OfferedRuntime[] {
  const { last } = node;
  if (last === undefined) return [];
  if (last.runtimes.length === 0) {
    const { memorySnapshots, memorySnapshotsProblem } = last;
    const rest = { isolation: last.runtime, acceleration: "", kernelVersion: "", problems: [] };
    return [{ name: "container", ...rest, memorySnapshots, memorySnapshotsProblem }];
  }
  return last.runtimes.flatMap((info) => (isRuntimeName(info.name) ? [toOffered(info, info.name)] : []));
}

function toOffered(info: RuntimeInfo, name: RuntimeName): OfferedRuntime {
  const { isolation, acceleration, kernelVersion, memorySnapshots, memorySnapshotsProblem, problems } = info;
  return { name, isolation, acceleration, kernelVersion, memorySnapshots, memorySnapshotsProblem, problems };
}

/**
 * Of all of them, each once, in the order in which nodes name them. Virtual machines that are known not to work are not
 * offered; containers are tried all the same, for a trial may have failed where a start succeeds.
 */
export function offeredBy(nodes: readonly { readonly last: Said | undefined }[]): RuntimeName[] {
  const working = nodes
    .flatMap(runtimesOf)
    .filter(({ name, problems }) => name === "container" || problems.length === 0);
  return [...new Set(working.map(({ name }) => name))];
}

/** The best of what is wanted that the node offers. */
export function runtimeOn(node: Pick<Node, "last">, wanted: readonly RuntimeName[]): RuntimeName | undefined {
  const offered = offeredBy([node]);
  return wanted.find((name) => offered.includes(name));
}

/** Undefined where the node does not say. */
export function findRuntime(node: Pick<Node, "last"> | undefined, name: RuntimeName): OfferedRuntime | undefined {
  return node === undefined ? undefined : runtimesOf(node).find((one) => one.name === name);
}
