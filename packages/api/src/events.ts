/** One function per business event; it feeds the log, the sandbox's own log and the team's counts alike. */
import type { Logger } from "@sandlot/telemetry";
import type { Node, NodeStatus } from "./nodes/node";
import type { LifecycleLog } from "./observing/lifecycle-log";
import type { TeamMeter } from "./observing/team-meter";

type SandboxFacts = { readonly sandboxId: string; readonly teamId: string; readonly nodeId: string };

export type KillReason = "request" | "timeout" | "admin" | "orphaned";
export type EventSinks = { readonly lifecycle: LifecycleLog; readonly meter: TeamMeter };

export function startEvents(logger: Logger, { lifecycle, meter }: EventSinks) {
  /** A line that the team reads: nothing of the inside of the installation. */
  const tell = (of: SandboxFacts, message: string, fields: Record<string, string> = {}): void => {
    const { sandboxId, teamId } = of;
    lifecycle.add({ sandboxId, teamId, message, fields });
  };
  return {
    sandboxStarted(of: SandboxFacts & { templateId: string; tookMs: number }): void {
      logger.info("sandbox started", of);
      meter.noteStart(of.teamId);
      tell(of, "sandbox created", { templateID: of.templateId });
    },
    sandboxStartFailed: (of: { sandboxId: string; teamId: string; code: string; tookMs: number }): void =>
      logger.warn("sandbox start failed", of),
    sandboxEndMoved: (of: SandboxFacts & { endsAtMs: number }): void =>
      tell(of, "sandbox timeout changed", { endAt: new Date(of.endsAtMs).toISOString() }),
    sandboxRulesReplaced: (of: SandboxFacts): void => tell(of, "sandbox network rules replaced"),
    sandboxEnded(of: SandboxFacts & { reason: KillReason }): void {
      logger.info("sandbox ended", of);
      tell(of, "sandbox killed", { reason: of.reason });
    },
    sandboxAdopted: ({ sandboxId, teamId, nodeId }: SandboxFacts): void =>
      logger.warn("sandbox taken back from its node", { sandboxId, teamId, nodeId }),
    sandboxLost({ sandboxId, teamId, nodeId }: SandboxFacts): void {
      logger.warn("sandbox is gone from its node", { sandboxId, teamId, nodeId });
      lifecycle.add({ sandboxId, teamId, level: "error", message: "sandbox ended by itself" });
    },
    nodeChanged: (node: Node, before: NodeStatus): void =>
      logger.info("node changed", { nodeId: node.id, address: node.address, status: node.status, before }),
    nodeFailed: (of: { nodeId: string; doing: string; thrown: unknown }): void => logger.warn("node failed", of),
  };
}

export type ApiEvents = ReturnType<typeof startEvents>;
