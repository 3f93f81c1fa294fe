/** What is done about a sandbox that fell due: its time is over, or whoever was at work on it has died. */
import { longestEndMs } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import { killSandbox } from "./kill-sandbox";
import type { SandboxParts } from "./parts";
import { pauseSandbox } from "./pause-sandbox";
import { takeUpPause, takeUpSnapshot } from "./settle";

export async function expireSandbox(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const { teamId, sandboxId } = record;
  switch (record.state) {
    case "pausing":
      return await takeUpPause(parts, record);
    case "snapshotting":
      return await takeUpSnapshot(parts, record);
    case "killing":
      // Begun for a reason that is not known any more; it is carried out, not weighed again.
      return void (await killSandbox(parts, { teamId, sandboxId, reason: "unknown" }));
    default:
      if (record.autoPause) return await pauseAtEnd(parts, record);
      await killSandbox(parts, { teamId, sandboxId, reason: "timeout" });
  }
}

const NO_MEMORY = ["sandbox_memory_not_saved", "sandbox_memory_unsupported"];

/** A sandbox must end at its end; where its memory cannot be saved its files are, and its log says so. */
async function pauseAtEnd(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const { teamId, sandboxId, autoPauseMemory } = record;
  const asked = { teamId, sandboxId, reason: "timeout" } as const;
  try {
    const why = await tryPause(parts, { ...asked, hasMemory: autoPauseMemory });
    if (why === undefined || !autoPauseMemory) return;
    if ((await pauseSandbox(parts, { ...asked, hasMemory: false })) === "extended") return;
    parts.events.sandboxMemoryGivenUp({ ...record, why });
  } catch (thrown) {
    if (isFault(thrown, "sandbox_already_paused") || isFault(thrown, "sandbox_missing")) return;
    if (!isFault(thrown, "sandbox_seal_failed")) throw thrown;
    if (isLongOver(record, parts.clock.nowMs())) return void (await killSandbox(parts, asked));
    // A full disk is not emptied by asking for it every second.
    await putOff(parts, record);
    throw thrown;
  }
}

/** What runs inside a machine may see to it that it cannot be stopped, and must not live for ever by that. */
function isLongOver(record: SandboxRecord, nowMs: number): boolean {
  return nowMs > longestEndMs(record) + limits.autoPauseGiveUpMs;
}

/** @returns why its memory cannot be saved; undefined when it is paused, or was extended */
async function tryPause(parts: SandboxParts, asked: Parameters<typeof pauseSandbox>[1]): Promise<string | undefined> {
  try {
    await pauseSandbox(parts, asked);
    return undefined;
  } catch (thrown) {
    if (isFault(thrown) && NO_MEMORY.includes(thrown.code)) return thrown.message;
    throw thrown;
  }
}

async function putOff({ state, clock, expiry }: SandboxParts, { teamId, sandboxId }: SandboxRecord): Promise<void> {
  const endsAtMs = clock.nowMs() + limits.autoPauseRestMs;
  await state.sandboxes.update({ teamId, sandboxId }, (found) =>
    found.state === "running" && found.endsAtMs < endsAtMs ? { ...found, endsAtMs } : undefined,
  );
  expiry.arm(endsAtMs);
}
