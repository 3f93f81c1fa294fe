/** One function per business event; counters and analytics join the log here. */
import type { Logger } from "@sandlot/telemetry";
import type { Node, NodeStatus } from "./nodes/node";

type SandboxFacts = { readonly sandboxId: string; readonly teamId: string; readonly nodeId: string };

export type KillReason = "request" | "timeout" | "admin" | "orphaned";

export function startEvents(logger: Logger) {
  return {
    sandboxStarted: (of: SandboxFacts & { templateId: string; tookMs: number }): void =>
      logger.info("sandbox started", of),
    sandboxStartFailed: (of: { sandboxId: string; teamId: string; code: string; tookMs: number }): void =>
      logger.warn("sandbox start failed", of),
    sandboxEnded: (of: SandboxFacts & { reason: KillReason }): void => logger.info("sandbox ended", of),
    sandboxAdopted: ({ sandboxId, teamId, nodeId }: SandboxFacts): void =>
      logger.warn("sandbox taken back from its node", { sandboxId, teamId, nodeId }),
    sandboxLost: ({ sandboxId, teamId, nodeId }: SandboxFacts): void =>
      logger.warn("sandbox is gone from its node", { sandboxId, teamId, nodeId }),
    nodeChanged: (node: Node, before: NodeStatus): void =>
      logger.info("node changed", { nodeId: node.id, address: node.address, status: node.status, before }),
    nodeFailed: (of: { nodeId: string; doing: string; thrown: unknown }): void => logger.warn("node failed", of),
  };
}

export type ApiEvents = ReturnType<typeof startEvents>;
