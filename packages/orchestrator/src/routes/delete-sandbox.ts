import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema } from "@bufbuild/protobuf/wkt";
import type { SandboxDeleteRequest } from "@sandlot/contracts/orchestrator";
import type { NodeParts } from "./node-parts";

/** SandboxService.Delete — answers when machine and traffic are gone; NotFound when it is not on this node. */
export function deleteSandboxRoute({ sandboxes }: NodeParts) {
  return async (request: SandboxDeleteRequest): Promise<Empty> => {
    await sandboxes.end(request.sandboxId, request.killReason ?? "unknown");
    return create(EmptySchema);
  };
}
