/** Has a node seal a sandbox, and finds out what came of it. The node answers the same build id always alike, so asking again is safe. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { SealedSize } from "@sandlot/db";
import { sleep } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import type { SandboxParts } from "./parts";

export type SealAnswer =
  | { readonly kind: "sealed"; readonly size: SealedSize }
  /** Its memory cannot be saved; it runs on. */
  | { readonly kind: "refused"; readonly why: string }
  /** It was not saved for another reason; it runs on. */
  | { readonly kind: "failed"; readonly why: string }
  /** The node has neither the sandbox nor the build. */
  | { readonly kind: "missing" }
  /** Nobody knows yet. */
  | { readonly kind: "silent" };

export type SealRequest = {
  readonly sandboxId: string;
  readonly buildId: string;
  /** `pause` takes it off the node, `checkpoint` lets it run on. */
  readonly as: "pause" | "checkpoint";
  readonly hasMemory: boolean;
  readonly templateId: string;
};

/** @param nodeId looked up anew for every try: it may be coming back */
export async function askForSeal(
  parts: Pick<SandboxParts, "nodes" | "clock" | "events">,
  nodeId: string,
  request: SealRequest,
): Promise<SealAnswer> {
  const untilMs = parts.clock.nowMs() + limits.sealAgainMs;
  for (;;) {
    const node = parts.nodes.byId(nodeId);
    const answer = node === undefined ? ({ kind: "silent" } as const) : await askOnce(parts, node, request);
    if (answer.kind !== "silent" && answer.kind !== "broken") return answer;
    if (parts.clock.nowMs() < untilMs) await sleep(limits.sealAgainRestMs);
    // One that is broken does answer, and not that it has sealed.
    else return answer.kind === "broken" ? { kind: "failed", why: "the node failed" } : answer;
  }
}

async function askOnce(
  { events }: Pick<SandboxParts, "events">,
  node: Node,
  { sandboxId, buildId, as, hasMemory, templateId }: SealRequest,
): Promise<SealAnswer | { kind: "broken" }> {
  const options = { timeoutMs: limits.sealMs };
  try {
    const { diskBytes, memoryBytes } =
      as === "pause"
        ? await node.sandboxes.pause({ sandboxId, buildId, templateId, filesystemOnly: !hasMemory }, options)
        : await node.sandboxes.checkpoint({ sandboxId, buildId }, options);
    return { kind: "sealed", size: { diskBytes, memoryBytes } };
  } catch (thrown) {
    const answer = readAnswer(ConnectError.from(thrown));
    if (answer.kind !== "refused") events.nodeFailed({ nodeId: node.id, doing: as, thrown });
    return answer;
  }
}

function readAnswer(error: ConnectError): SealAnswer | { kind: "broken" } {
  switch (error.code) {
    case Code.FailedPrecondition:
      return { kind: "refused", why: error.rawMessage };
    case Code.NotFound:
      return { kind: "missing" };
    case Code.ResourceExhausted:
    case Code.Unimplemented:
      return { kind: "failed", why: error.rawMessage };
    // A bug of the node, or its connection torn in the middle: it is asked again, but not for ever.
    case Code.Internal:
    case Code.Unknown:
    case Code.InvalidArgument:
      return { kind: "broken" };
    default:
      return { kind: "silent" };
  }
}
