import { create } from "@bufbuild/protobuf";
import {
  type SandboxCheckpointRequest,
  type SandboxCheckpointResponse,
  SandboxCheckpointResponseSchema,
} from "@sandlot/contracts/orchestrator";
import { requireBuildId } from "../sandboxes/parse-create";
import type { NodeParts } from "./node-parts";

/** SandboxService.Checkpoint — answers when the build is on the disk; the sandbox has long been running on by then. */
export function checkpointSandboxRoute({ sandboxes }: NodeParts) {
  return async ({ sandboxId, buildId }: SandboxCheckpointRequest): Promise<SandboxCheckpointResponse> => {
    requireBuildId(buildId);
    const bytes = await sandboxes.checkpoint({ sandboxId, buildId });
    return create(SandboxCheckpointResponseSchema, {
      diskBytes: BigInt(bytes.disk),
      memoryBytes: BigInt(bytes.memory),
    });
  };
}
