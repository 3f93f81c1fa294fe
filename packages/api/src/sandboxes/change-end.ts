/** Moves the end of a running sandbox: connect, timeout and refreshes are this with different arguments. */
import { nextEnd } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import { assertNotPaused, assertRunning } from "./find-sandbox";
import type { SandboxParts } from "./parts";
import { tellNode } from "./tell-node";

/** @throws Fault `sandbox_missing`, `sandbox_is_paused`, `sandbox_not_running`, `sandbox_max_length_exceeded` */
export async function changeEnd(
  parts: SandboxParts,
  of: { teamId: string; sandboxId: string; timeoutMs: number; mayShorten: boolean },
): Promise<SandboxRecord> {
  const { teamId, sandboxId, timeoutMs, mayShorten } = of;
  let beforeMs = 0;
  const record = await parts.state.sandboxes.update({ teamId, sandboxId }, (found) => {
    assertRunning(found);
    beforeMs = found.endsAtMs;
    return { ...found, endsAtMs: nextEnd({ life: found, nowMs: parts.clock.nowMs(), timeoutMs, mayShorten }) };
  });
  if (record === undefined) return await assertNotPaused(parts, { teamId, sandboxId });
  parts.expiry.arm(record.endsAtMs);
  if (record.endsAtMs !== beforeMs) {
    parts.events.sandboxEndMoved(record);
    void tellNode(parts, record);
  }
  return record;
}
