import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema, timestampMs } from "@bufbuild/protobuf/wkt";
import type { SandboxUpdateRequest } from "@sandlot/contracts/orchestrator";
import type { NodeParts } from "./node-parts";

/** SandboxService.Update — expiry, egress, or both; NotFound when it does not run here. */
export function updateSandboxRoute({ sandboxes }: NodeParts) {
  return async (request: SandboxUpdateRequest): Promise<Empty> => {
    await sandboxes.update(request.sandboxId, {
      endsAtMs: request.endTime === undefined ? undefined : timestampMs(request.endTime),
      egress: request.egress,
    });
    return create(EmptySchema);
  };
}
