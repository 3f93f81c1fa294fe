/** The nodes of a static list, each asked again and again how it is. */
import { type ServiceInfoResponse, ServiceInfoStatus } from "@sandlot/contracts/info";
import { every } from "@sandlot/lifetime";
import { limits } from "../limits";
import { type Node, type NodeStatus, openNode } from "./node";

export type NodeRegistry = AsyncDisposable & {
  all(): readonly Node[];
  ready(): readonly Node[];
  /** Those that answer, whether or not they take new sandboxes. */
  answering(): readonly Node[];
  byId(nodeId: string): Node | undefined;
  /** Ends when every node has been asked once. */
  firstRound(): Promise<void>;
};

const STATUSES: Record<ServiceInfoStatus, NodeStatus> = {
  [ServiceInfoStatus.Healthy]: "ready",
  [ServiceInfoStatus.Draining]: "draining",
  [ServiceInfoStatus.Unhealthy]: "unhealthy",
  [ServiceInfoStatus.Standby]: "standby",
};

export type NodeEvents = { nodeChanged(node: Node, before: NodeStatus): void };

function note(node: Node, info: ServiceInfoResponse | undefined, events: NodeEvents): void {
  const before = node.status;
  node.status = info === undefined ? (node.id === "" ? "connecting" : "unhealthy") : STATUSES[info.serviceStatus];
  if (info !== undefined) {
    node.id = info.nodeId;
    node.last = info;
  }
  if (node.status === before) return;
  node.statusChangedMs = Date.now();
  events.nodeChanged(node, before);
}

export function startNodeRegistry(of: { addresses: readonly string[]; events: NodeEvents }): NodeRegistry {
  const nodes = of.addresses.map(openNode);
  const first = Promise.withResolvers<void>();
  async function ask(node: Node): Promise<void> {
    const info = await node.info
      .serviceInfo({}, { timeoutMs: limits.nodePollDeadlineMs })
      .catch(() => undefined as ServiceInfoResponse | undefined);
    note(node, info, of.events);
  }
  // One loop per node: a silent one must not delay what is known of the others.
  const polls = nodes.map((node) =>
    every(
      limits.nodePollMs,
      () => ask(node),
      () => undefined,
    ),
  );
  const askedAll = Promise.all(nodes.map(ask)).then(() => first.resolve());
  return {
    all: () => nodes,
    ready: () => nodes.filter((node) => node.status === "ready"),
    answering: () => nodes.filter(({ status }) => status !== "connecting" && status !== "unhealthy"),
    byId: (nodeId) => nodes.find((node) => node.id === nodeId),
    firstRound: () => first.promise,
    async [Symbol.asyncDispose]() {
      await Promise.all(polls.map((poll) => poll[Symbol.asyncDispose]()));
      await askedAll;
    },
  };
}
