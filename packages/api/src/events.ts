/** One function per business event; it feeds the log, the sandbox's own log and the team's counts alike. */
import type { SealedSize } from "@sandlot/db";
import type { KillReason } from "@sandlot/domain";
import type { Logger } from "@sandlot/telemetry";
import type { Node, NodeStatus } from "./nodes/node";
import type { LifecycleLog } from "./observing/lifecycle-log";
import type { TeamMeter } from "./observing/team-meter";

type SandboxFacts = { readonly sandboxId: string; readonly teamId: string; readonly nodeId: string };

type SealFacts = { readonly hasMemory: boolean; readonly size: SealedSize };
type ResumeFacts = { readonly hasMemory: boolean; readonly tookMs: number };

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
    sandboxPaused({ sandboxId, teamId, nodeId, hasMemory, size }: SandboxFacts & SealFacts): void {
      const { diskBytes, memoryBytes } = size;
      logger.info("sandbox paused", { sandboxId, teamId, nodeId, hasMemory, diskBytes, memoryBytes });
      tell({ sandboxId, teamId, nodeId }, "sandbox paused", { memory: String(hasMemory) });
    },
    sandboxNotPaused({ sandboxId, teamId, nodeId, why }: SandboxFacts & { why: string }): void {
      logger.warn("sandbox not paused", { sandboxId, teamId, nodeId, why });
      lifecycle.add({
        sandboxId,
        teamId,
        level: "warn",
        message: "sandbox could not be paused",
        fields: { reason: why },
      });
    },
    /** At its end its memory could not be saved: its files were, instead of losing both. */
    sandboxMemoryGivenUp({ sandboxId, teamId, nodeId, why }: SandboxFacts & { why: string }): void {
      logger.warn("sandbox paused without its memory", { sandboxId, teamId, nodeId, why });
      const message = "sandbox is paused without its memory, which could not be saved";
      lifecycle.add({ sandboxId, teamId, level: "error", message, fields: { reason: why } });
    },
    sandboxResumed({ sandboxId, teamId, nodeId, tookMs, hasMemory }: SandboxFacts & ResumeFacts): void {
      logger.info("sandbox resumed", { sandboxId, teamId, nodeId, tookMs, hasMemory });
      meter.noteStart(teamId);
      tell({ sandboxId, teamId, nodeId }, "sandbox resumed", { memory: String(hasMemory) });
    },
    sandboxCheckpointed({ sandboxId, teamId, nodeId, size }: SandboxFacts & Pick<SealFacts, "size">): void {
      const { diskBytes, memoryBytes } = size;
      logger.info("sandbox checkpointed", { sandboxId, teamId, nodeId, diskBytes, memoryBytes });
      tell({ sandboxId, teamId, nodeId }, "sandbox checkpointed");
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
