import { create } from "@bufbuild/protobuf";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import {
  type SandboxCreateRequest,
  type SandboxCreateResponse,
  SandboxCreateResponseSchema,
} from "@sandlot/contracts/orchestrator";
import { nodeFaults } from "../faults";
import { requireDiskRoom } from "../info/disk-watermark";
import { parseCreate } from "../sandboxes/parse-create";
import type { NodeParts } from "./node-parts";

/**
 * SandboxService.Create — answers when the sandbox is ready. The call's own signal is ignored on purpose: a caller that
 * hangs up must not undo half of a start; whoever asks again joins it, and List shows it.
 */
export function createSandboxRoute(parts: NodeParts) {
  const { sandboxes, config } = parts;
  return async (request: SandboxCreateRequest): Promise<SandboxCreateResponse> => {
    if (parts.status !== ServiceInfoStatus.Healthy) throw nodeFaults.draining({ nodeId: config.nodeId });
    await requireDiskRoom({ path: config.basePath, reserveMiB: config.diskReserveMiB });
    const wanted = parseCreate(request, Date.now(), parts.runtimes.default.name);
    await sandboxes.create(wanted);
    return create(SandboxCreateResponseSchema, {
      clientId: config.nodeId,
      ...(wanted.filesystemBoot ? { filesystemBootApplied: true } : {}),
    });
  };
}
