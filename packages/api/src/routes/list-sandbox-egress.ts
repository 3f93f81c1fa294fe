import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { SandboxEgressFlow } from "@sandlot/contracts/orchestrator";
import type { components } from "@sandlot/contracts/rest";
import { parseSandboxId, sandboxFaults } from "@sandlot/domain";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import { readFailure } from "../nodes/failures";
import { assertRunning, findSandbox } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";

/** GET /sandboxes/{sandboxID}/egress — ours: what its node's egress proxy let through and what it refused. */
export function listSandboxEgress(parts: SandboxParts): Handler<"listSandboxEgress"> {
  return async ({ team, path, query }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const record = await findSandbox(parts, { teamId: team.teamId, sandboxId });
    assertRunning(record);
    const node = parts.nodes.byId(record.nodeId);
    const request = { sandboxId, limit: query.limit ?? 100 };
    const listed = await node?.sandboxes.listEgress(request, { timeoutMs: limits.updateMs }).catch((thrown) => {
      if (readFailure(thrown) === "missing") throw sandboxFaults.missing({ sandboxId }, thrown);
      throw apiFaults.egress_log_away({ nodeId: record.nodeId }, thrown);
    });
    if (listed === undefined) throw apiFaults.egress_log_away({ nodeId: record.nodeId });
    return { status: 200, body: { proxied: listed.isProxied, flows: listed.flows.map(toFlow) } };
  };
}

function toFlow(flow: SandboxEgressFlow): components["schemas"]["EgressFlow"] {
  const { protocol, host, address, port, verdict, reason, transformed, durationMs } = flow;
  return {
    at: (flow.at === undefined ? new Date(0) : timestampDate(flow.at)).toISOString(),
    protocol: protocol as "tls" | "http" | "tcp",
    ...(host !== "" && { host }),
    ...{ address, port, verdict: verdict as "allowed" | "denied", reason, transformed },
    sentBytes: Number(flow.sentBytes),
    receivedBytes: Number(flow.receivedBytes),
    ...(durationMs !== undefined && { durationMs: Number(durationMs) }),
  };
}
