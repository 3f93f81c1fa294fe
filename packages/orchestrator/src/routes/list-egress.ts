import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  SandboxEgressFlowSchema,
  type SandboxListEgressRequest,
  type SandboxListEgressResponse,
  SandboxListEgressResponseSchema,
} from "@sandlot/contracts/orchestrator";
import type { Flow } from "@sandlot/egress";
import { nodeFaults } from "../faults";
import type { NodeParts } from "./node-parts";

/** SandboxService.ListEgress — the newest connections that were judged for a sandbox. */
export function listEgressRoute({ sandboxes, flows }: NodeParts) {
  return async ({ sandboxId, limit }: SandboxListEgressRequest): Promise<SandboxListEgressResponse> => {
    const sandbox = sandboxes.find(sandboxId);
    if (sandbox === undefined) throw nodeFaults.sandbox_missing({ sandboxId });
    const listed = flows(sandbox.guest.slot, limit);
    return create(SandboxListEgressResponseSchema, {
      isProxied: listed.isProxied,
      flows: listed.flows.map(toMessage),
    });
  };
}

function toMessage(flow: Flow) {
  const { protocol, host = "", address, port, verdict, reason, isTransformed, atMs, endedAtMs } = flow;
  return create(SandboxEgressFlowSchema, {
    ...{ protocol, host, address, port, verdict, reason, transformed: isTransformed },
    at: timestampFromMs(atMs),
    sentBytes: BigInt(flow.sentBytes),
    receivedBytes: BigInt(flow.receivedBytes),
    ...(endedAtMs !== undefined && { durationMs: BigInt(Math.max(0, endedAtMs - atMs)) }),
  });
}
