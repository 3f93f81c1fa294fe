/** Finds out what became of a pause or a resume whose api died, or whose store was lost. What is true is on the nodes. */
import { completePause, readUnsettled, type Snapshot, settleAsPaused, undoPauseOf } from "@sandlot/db";
import { every } from "@sandlot/lifetime";
import type { SandboxRecord, Started } from "@sandlot/state";
import { limits } from "../limits";
import type { SandboxParts } from "./parts";
import { knownPause, sealBegun } from "./pause-sandbox";
import { fromNode } from "./record";
import { putRoute } from "./route";
import { askForSeal } from "./seal";

/**
 * For a sandbox that has no record; the caller holds its reservation, so that nobody starts it meanwhile.
 * @returns false when a node that would know does not answer
 */
export async function settleSnapshot(parts: SandboxParts, kept: Snapshot): Promise<boolean> {
  if (kept.state === "paused") return true;
  return kept.pausingBuildId === undefined
    ? await settleLive(parts, kept)
    : await settlePausing(parts, kept, kept.pausingBuildId);
}

async function settlePausing(parts: SandboxParts, kept: Snapshot, buildId: string): Promise<boolean> {
  const { sandboxId, nodeId, templateId, pausingHasMemory: hasMemory } = kept;
  const answer = await askForSeal(parts, nodeId, { sandboxId, buildId, as: "pause", hasMemory, templateId });
  switch (answer.kind) {
    case "sealed":
      await completePause(parts.db, { sandboxId, buildId, size: answer.size });
      parts.local.noteEnded(kept.executionId);
      parts.events.sandboxPaused({ ...kept, hasMemory, size: answer.size });
      return true;
    case "missing":
      await undoPauseOf(parts.db, { sandboxId, buildId, isAlive: false, why: "it had ended" });
      return true;
    case "refused":
    case "failed":
      await undoPauseOf(parts.db, { sandboxId, buildId, isAlive: true, why: answer.why });
      return await settleLive(parts, kept);
    case "silent":
      return false;
  }
}

async function settleLive(parts: SandboxParts, { sandboxId, executionId }: Snapshot): Promise<boolean> {
  const found = await findOnNodes(parts, sandboxId);
  if (found === "unknown") return false;
  if (found === undefined) {
    await settleAsPaused(parts.db, { sandboxId, executionId });
    return true;
  }
  await parts.state.sandboxes.commit(found);
  await putRoute(parts.state, found);
  parts.expiry.arm(found.endsAtMs);
  parts.events.sandboxAdopted(found);
  return true;
}

/** @returns `unknown` when no node has it and not all of them answer */
async function findOnNodes(
  { nodes }: Pick<SandboxParts, "nodes">,
  sandboxId: string,
): Promise<SandboxRecord | "unknown" | undefined> {
  let isSure = nodes.all().length > 0;
  for (const node of nodes.all()) {
    const listed = await node.sandboxes.list({}, { timeoutMs: limits.updateMs }).catch(() => undefined);
    if (listed === undefined || node.id === "") {
      isSure = false;
      continue;
    }
    const one = listed.sandboxes.find(({ config }) => config?.sandboxId === sandboxId);
    const record = one && fromNode(one, node);
    if (record !== undefined) return record;
  }
  return isSure ? undefined : "unknown";
}

/** Work on a record that fell due because its owner died: it is brought to its end, or called off where nothing was begun. */
export async function takeUpPause(
  parts: SandboxParts,
  { teamId, sandboxId, executionId }: SandboxRecord,
): Promise<void> {
  const begun = await parts.state.sandboxes.beginTransition({ teamId, sandboxId, event: "pause" });
  if (begun.kind !== "started") return;
  const underWay = begun.record.executionId === executionId ? await knownPause(parts, begun) : undefined;
  if (underWay !== undefined)
    await sealBegun(parts, begun, underWay).catch(() => undefined); // told in events
  else await callOff(parts, begun);
}

export async function takeUpSnapshot(parts: SandboxParts, { teamId, sandboxId }: SandboxRecord): Promise<void> {
  const begun = await parts.state.sandboxes.beginTransition({ teamId, sandboxId, event: "snapshot" });
  if (begun.kind === "started") await callOff(parts, begun);
}

async function callOff(parts: SandboxParts, begun: Started): Promise<void> {
  await putRoute(parts.state, begun.record);
  await begun.finish({ kind: "running" });
  parts.expiry.arm(begun.record.endsAtMs);
}

/** Looks for what nobody has settled. Several replicas may do it at once. */
export function startSettling(parts: SandboxParts): AsyncDisposable {
  return every(
    limits.settleMs,
    () => settleAll(parts),
    (thrown) => parts.events.nodeFailed({ nodeId: "", doing: "settle", thrown }),
  );
}

async function settleAll(parts: SandboxParts): Promise<void> {
  const { sandboxes } = parts.state;
  const live = new Map((await sandboxes.all()).map((record) => [record.sandboxId, record]));
  const of = { liveIds: [...live.keys()], olderThanS: limits.settleAfterS, limit: limits.settleBatch };
  for (const kept of await readUnsettled(parts.db, of)) {
    const record = live.get(kept.sandboxId);
    // In transition somebody is at work on it, or it falls due.
    if (record !== undefined) {
      if (record.state === "running" && record.executionId === kept.executionId) await takeUpPause(parts, record);
      continue;
    }
    const { teamId, sandboxId } = kept;
    const held = await sandboxes.reserve({ teamId, sandboxId, limit: Number.MAX_SAFE_INTEGER });
    if (held !== "reserved") continue;
    try {
      await settleSnapshot(parts, kept);
    } finally {
      await sandboxes.release({ teamId, sandboxId });
    }
  }
}
