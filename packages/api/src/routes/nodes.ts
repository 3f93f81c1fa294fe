import { ServiceInfoStatus } from "@sandlot/contracts/info";
import type { components } from "@sandlot/contracts/rest";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { Node, NodeStatus } from "../nodes/node";
import { runtimesOf } from "../nodes/runtimes";
import type { SandboxParts } from "../sandboxes/parts";

type Schemas = components["schemas"];

/** The installation is one cluster without a name of its own. */
const CLUSTER_ID = "00000000-0000-0000-0000-000000000000";

/** What an operator may decide; the rest shows by itself. */
const WISHES: Partial<Record<NodeStatus, ServiceInfoStatus>> = {
  ready: ServiceInfoStatus.Healthy,
  draining: ServiceInfoStatus.Draining,
  standby: ServiceInfoStatus.Standby,
};

/** GET /nodes — every node that has answered once, as it last described itself. */
export function listNodes({ nodes }: SandboxParts): Handler<"listNodes"> {
  return async ({ query }) => {
    const here = query.clusterID === undefined || query.clusterID === CLUSTER_ID ? nodes.all() : [];
    const known = here.filter(({ id }) => id !== "");
    return { status: 200, body: known.map((node) => ({ ...toNode(node), sandboxStartingCount: node.starting })) };
  };
}

/** GET /nodes/{nodeID} — 404 without a body when there is none. */
export function getNode({ nodes }: SandboxParts): Handler<"getNode"> {
  return async ({ path, query }) => {
    const isHere = query.clusterID === undefined || query.clusterID === CLUSTER_ID;
    const node = isHere && path.nodeID !== "" ? nodes.byId(path.nodeID) : undefined;
    return node === undefined ? { status: 404 } : { status: 200, body: toNode(node) };
  };
}

/** POST /nodes/{nodeID} — 204 once the node has taken it; it lasts until the node's service starts anew. */
export function updateNode({ nodes, events }: SandboxParts): Handler<"updateNode"> {
  return async ({ path, body }) => {
    const node = nodes.byId(path.nodeID);
    if (node === undefined) return { status: 404 };
    const serviceStatus = WISHES[body.status];
    if (serviceStatus === undefined) throw apiFaults.node_status_fixed({ status: body.status });
    try {
      await node.info.serviceStatusOverride({ serviceStatus }, { timeoutMs: limits.updateMs });
    } catch (thrown) {
      events.nodeFailed({ nodeId: node.id, doing: "status", thrown });
      throw apiFaults.node_unreachable({ nodeId: node.id, status: node.status }, thrown);
    }
    return { status: 204 };
  };
}

function toNode(node: Node): Schemas["NodeDetail"] {
  const { last } = node;
  const info = last?.machineInfo;
  return {
    id: node.id,
    serviceInstanceID: last?.serviceId ?? "",
    clusterID: CLUSTER_ID,
    status: node.status,
    statusChangedAt: new Date(node.statusChangedMs).toISOString(),
    sandboxCount: Number(last?.metricSandboxesRunning ?? 0n),
    metrics: toMetrics(last),
    createSuccesses: node.createSuccesses,
    createFails: node.createFails,
    version: last?.serviceVersion ?? "",
    commit: last?.serviceCommit ?? "",
    runtimes: runtimesOf(node).map(({ problems, ...runtime }) => ({ ...runtime, problems: [...problems] })),
    machineInfo: {
      cpuFamily: info?.cpuFamily ?? "",
      cpuModel: info?.cpuModel ?? "",
      cpuModelName: info?.cpuModelName ?? "",
      cpuArchitecture: info?.cpuArchitecture ?? "",
    },
  };
}

/** Containers use no huge pages of their own, so those are none. */
function toMetrics(last: Node["last"]): Schemas["NodeMetrics"] {
  return {
    allocatedCPU: Number(last?.metricAllocatedCpu ?? 0n),
    cpuPercent: Number(last?.metricCpuPercent ?? 0n),
    cpuCount: Number(last?.metricCpuCount ?? 0n),
    allocatedMemoryBytes: Number(last?.metricAllocatedMemoryBytes ?? 0n),
    memoryUsedBytes: Number(last?.metricMemoryUsedBytes ?? 0n),
    memoryTotalBytes: Number(last?.metricMemoryTotalBytes ?? 0n),
    ...{ hugePagesTotal: 0, hugePagesUsed: 0, hugePagesReserved: 0, hugePageSizeBytes: 0 },
    disks: [
      {
        // The node says how full the disk under its machines is, not which one that is.
        ...{ mountPoint: "", device: "", filesystemType: "" },
        usedBytes: Number(last?.metricDiskUsedBytes ?? 0n),
        totalBytes: Number(last?.metricDiskTotalBytes ?? 0n),
      },
    ],
  };
}
