import { create } from "@bufbuild/protobuf";
import {
  type SandboxPauseRequest,
  type SandboxPauseResponse,
  SandboxPauseResponseSchema,
} from "@sandlot/contracts/orchestrator";
import { requireBuildId } from "../sandboxes/parse-create";
import type { NodeParts } from "./node-parts";

/** SandboxService.Pause — answers when the build is on the disk; a caller that hangs up does not stop it. */
export function pauseSandboxRoute({ sandboxes }: NodeParts) {
  return async ({ sandboxId, buildId, filesystemOnly }: SandboxPauseRequest): Promise<SandboxPauseResponse> => {
    requireBuildId(buildId);
    const bytes = await sandboxes.pause({ sandboxId, buildId, memory: !filesystemOnly });
    return create(SandboxPauseResponseSchema, { diskBytes: BigInt(bytes.disk), memoryBytes: BigInt(bytes.memory) });
  };
}
