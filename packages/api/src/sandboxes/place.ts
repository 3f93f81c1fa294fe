/** Has a node start a sandbox: picks one, stands in line for it, tries others. */

import { type RuntimeName, sandboxFaults } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { limits } from "../limits";
import { type NodeFailure, readFailure } from "../nodes/failures";
import type { Node } from "../nodes/node";
import { pickNode } from "../nodes/placement";
import type { NodeRegistry } from "../nodes/registry";
import { offeredBy, runtimeOn } from "../nodes/runtimes";
import type { SandboxParts } from "./parts";

type Attempt = { readonly node: Node; readonly failure: NodeFailure };

/**
 * @param start one try on one node; what it throws is read as that node's failure
 * @throws Fault `sandbox_runtime_not_offered`, `sandbox_no_compatible_node`, `sandbox_capacity_unavailable`, `sandbox_placement_timeout`, `sandbox_create_failed`
 */
export async function placeSandbox<T>(
  parts: Pick<SandboxParts, "nodes" | "queue" | "clock" | "events">,
  of: {
    readonly cpuCount: number;
    /** What it can run on, the best first: only nodes that offer one of them are asked. */
    readonly runtimes: readonly RuntimeName[];
    readonly start: (node: Node, runtime: RuntimeName) => Promise<T>;
    /** The node that has the files at hand: taken first, and waited for when it may come back in a moment. */
    readonly prefer?: string | undefined;
  },
): Promise<{ node: Node; runtime: RuntimeName; result: T }> {
  const { cpuCount, runtimes, start, prefer } = of;
  const beganMs = parts.clock.nowMs();
  const untilMs = beganMs + limits.startQueueMs;
  const failed: Attempt[] = [];
  for (;;) {
    const tried = failed.filter(({ failure }) => failure !== "full").map(({ node }) => node);
    const isEarly = parts.clock.nowMs() < beganMs + limits.nodeReturnMs;
    const node = pick(parts, { cpuCount, runtimes, tried, prefer, isEarly });
    const runtime = node && runtimeOn(node, runtimes);
    if (node === undefined || runtime === undefined) {
      const isWorthWaiting = mayReturn(parts.nodes) && isEarly;
      if (!isWorthWaiting) throw failed.length === 0 ? nowhere(parts.nodes, runtimes) : giveUp(failed.at(-1)?.failure);
      await sleep(limits.nodeRestMs);
      continue;
    }
    using slot = await parts.queue.lease(node.id, untilMs - parts.clock.nowMs());
    if (slot === undefined) throw sandboxFaults.capacity_unavailable({ why: "too many starts are waiting, try again" });
    const failure = await tryOn(node, (on) => start(on, runtime), parts);
    if (typeof failure !== "string") return { node, runtime, result: failure.result };
    failed.push({ node, failure });
    if (failed.filter(({ failure: why }) => why !== "full").length >= limits.startAttempts) throw giveUp(failure);
    if (parts.clock.nowMs() + limits.nodeRestMs >= untilMs) throw giveUp(failure);
    slot[Symbol.dispose]();
    if (failure === "full" || failure === "silent") await sleep(limits.nodeRestMs);
  }
}

/** A node that is being restarted is back in a moment; one that was told to drain is not. */
function mayReturn(nodes: NodeRegistry): boolean {
  return nodes.all().some(({ status }) => status === "unhealthy" || status === "connecting");
}

/** Why no node was even asked. */
function nowhere(nodes: NodeRegistry, runtimes: readonly RuntimeName[]) {
  const offered = offeredBy(nodes.ready());
  if (offered.length === 0 || runtimes.some((name) => offered.includes(name))) return giveUp(undefined);
  return sandboxFaults.runtime_not_offered({ wanted: runtimes.join(", "), offered: offered.join(", ") });
}

/** Untried nodes first; when all have been tried, a second try of one of them is better than none. */
function pick(
  parts: Pick<SandboxParts, "nodes">,
  of: {
    cpuCount: number;
    runtimes: readonly RuntimeName[];
    tried: readonly Node[];
    prefer: string | undefined;
    isEarly: boolean;
  },
): Node | undefined {
  const ready = parts.nodes.ready().filter((node) => runtimeOn(node, of.runtimes) !== undefined);
  const preferred = of.prefer === undefined ? undefined : parts.nodes.byId(of.prefer);
  if (preferred !== undefined && !of.tried.includes(preferred)) {
    if (ready.includes(preferred)) return preferred;
    if (of.isEarly && preferred.status === "unhealthy") return undefined;
  }
  const fresh = ready.filter((node) => !of.tried.includes(node));
  const candidates = (fresh.length > 0 ? fresh : ready).map((node) => ({
    node,
    nodeId: node.id,
    cpuCount: Number(node.last?.metricCpuCount ?? 1n),
    allocatedCpu: Number(node.last?.metricAllocatedCpu ?? 0n),
    starting: node.starting,
  }));
  const choices = limits.placementChoices;
  return pickNode({ candidates, cpuCount: of.cpuCount, choices, random: Math.random })?.node;
}

async function tryOn<T>(
  node: Node,
  start: (node: Node) => Promise<T>,
  { events }: Pick<SandboxParts, "events">,
): Promise<{ result: T } | NodeFailure> {
  node.starting += 1;
  try {
    const result = await start(node);
    node.createSuccesses += 1;
    return { result };
  } catch (thrown) {
    if (isFault(thrown)) throw thrown;
    const failure = readFailure(thrown);
    node.createFails += 1;
    if (failure !== "full") events.nodeFailed({ nodeId: node.id, doing: "start", thrown });
    return failure;
  } finally {
    node.starting -= 1;
  }
}

function giveUp(last: NodeFailure | undefined) {
  if (last === undefined) return sandboxFaults.no_compatible_node({});
  if (last === "full") return sandboxFaults.capacity_unavailable({ why: "no node has room, try again" });
  if (last === "silent") return sandboxFaults.capacity_unavailable({ why: "the node does not answer, try again" });
  return last === "late" ? sandboxFaults.placement_timeout({}) : sandboxFaults.create_failed({});
}
