import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  RunningSandboxSchema,
  type SandboxListResponse,
  SandboxListResponseSchema,
} from "@sandlot/contracts/orchestrator";
import type { NodeParts } from "./node-parts";

/** SandboxService.List — what runs here now; neither what is starting nor what is ending. */
export function listSandboxesRoute({ sandboxes, config }: NodeParts) {
  return async (): Promise<SandboxListResponse> =>
    create(SandboxListResponseSchema, {
      sandboxes: sandboxes.list().map(({ record }) =>
        create(RunningSandboxSchema, {
          config: record.config,
          clientId: config.nodeId,
          startTime: timestampFromMs(record.startedAtMs),
          endTime: timestampFromMs(record.endsAtMs),
        }),
      ),
    });
}
