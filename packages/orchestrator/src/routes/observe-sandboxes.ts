import type { SandboxObserveRequest, SandboxObserveResponse } from "@sandlot/contracts/orchestrator";
import type { NodeParts } from "./node-parts";

/** SandboxService.Observe — samples and log lines that the asker has not had yet. */
export function observeSandboxesRoute({ recorder }: NodeParts) {
  return async ({ runId, after }: SandboxObserveRequest): Promise<SandboxObserveResponse> =>
    recorder.since({ runId, after: Number(after) });
}
