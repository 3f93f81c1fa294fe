import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema } from "@bufbuild/protobuf/wkt";
import type { DeleteBuildsRequest } from "@sandlot/contracts/orchestrator";
import type { NodeParts } from "./node-parts";

/** SandboxService.DeleteBuilds — what runs from them runs on; their layers go once nobody refers to them. */
export function deleteBuildsRoute({ garbage }: NodeParts) {
  return async ({ buildIds }: DeleteBuildsRequest): Promise<Empty> => {
    await garbage.removeBuilds(buildIds);
    return create(EmptySchema);
  };
}
