/** Wakes a sandbox for traffic, where it was created to be woken (behaviour §3.3). What client-proxy asks when it knows no route. */
import { readSnapshot, readTeam, type Snapshot } from "@sandlot/db";
import { autoResumeTimeoutMs, ENVD_PORT, sandboxFaults, secretsEqual, verifyLink } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import { untilQuiet } from "../sandboxes/connect";
import { fromSnapshot } from "../sandboxes/kept";
import type { SandboxParts } from "../sandboxes/parts";
import { resumeSandbox as resumePaused } from "../sandboxes/resume-sandbox";
import { putRoute } from "../sandboxes/route";

/** Who is at the door, as client-proxy says in the call's metadata. */
export type Visitor = {
  readonly port: number;
  readonly trafficToken: string;
  readonly envdToken: string;
  /** Of a link to the port (our own). */
  readonly linkToken?: string;
};

export function visitorOf(headers: Headers): Visitor {
  return {
    port: Number(headers.get("e2b-sandbox-request-port") ?? Number.NaN),
    trafficToken: headers.get("e2b-traffic-access-token") ?? "",
    envdToken: headers.get("e2b-envd-access-token") ?? "",
    linkToken: headers.get("sandlot-link-token") ?? "",
  };
}

/**
 * @returns the address of its node; a live one gets its lost route back
 * @throws Fault `sandbox_missing`, `sandbox_not_auto_resumed`, `sandbox_resume_denied`, `sandbox_still_transitioning`,
 *   `sandbox_limit_reached` and those of `resumeSandbox`
 */
export async function resumeSandbox(parts: SandboxParts, sandboxId: string, visitor: Visitor): Promise<string> {
  if (!/^[a-z0-9]{1,64}$/.test(sandboxId)) throw sandboxFaults.missing({ sandboxId });
  for (let round = 0; round <= limits.transitionWaits; round += 1) {
    const record = await parts.state.sandboxes.find(sandboxId);
    const isThere = record?.state === "running" || record?.state === "snapshotting";
    if (record !== undefined && isThere) {
      await putRoute(parts.state, record);
      return record.nodeIp;
    }
    if (record?.state === "killing") throw sandboxFaults.missing({ sandboxId });
    if (record !== undefined) {
      // While it is being paused: only who would wake it waits for that.
      if (!record.autoResume) throw sandboxFaults.not_auto_resumed({ sandboxId });
      assertMayWake(record, visitor, parts.clock.nowMs());
      await untilQuiet(parts, record);
      continue;
    }
    const woken = await wake(parts, sandboxId, visitor);
    if (woken !== undefined) return woken.nodeIp;
  }
  throw sandboxFaults.still_transitioning({});
}

/** @returns undefined when it is not paused any more: look again */
async function wake(parts: SandboxParts, sandboxId: string, visitor: Visitor): Promise<SandboxRecord | undefined> {
  const kept = await readSnapshot(parts.db, sandboxId);
  if (kept === undefined) throw sandboxFaults.missing({ sandboxId });
  const record = assertWakes(parts, kept);
  const team = await readTeam(parts.db, kept.teamId);
  if (team === undefined || team.isBanned || team.isBlocked) throw sandboxFaults.not_auto_resumed({ sandboxId });
  assertMayWake(record, visitor, parts.clock.nowMs());
  const { maxLengthHours: maxHours } = team;
  const timeoutMs = autoResumeTimeoutMs({ timeoutMs: record.autoResumeTimeoutMs ?? 0, maxHours });
  const { how, record: woken } = await resumePaused(parts, { team, sandboxId, timeoutMs, isColdBoot: false });
  return how === "running" ? undefined : woken;
}

/** Without its memory it is nobody's to wake by accident: its processes would be gone. */
function assertWakes({ tokenSeed }: SandboxParts, kept: Snapshot): SandboxRecord {
  const record = fromSnapshot(kept, tokenSeed);
  const hasMemory = kept.state === "pausing" ? kept.pausingHasMemory : kept.hasMemory;
  if (!record.autoResume || !hasMemory) throw sandboxFaults.not_auto_resumed({ sandboxId: kept.sandboxId });
  return record;
}

/** @throws Fault `sandbox_resume_denied`: a stranger must not wake what it could not talk to */
function assertMayWake(record: SandboxRecord, visitor: Visitor, nowMs: number): void {
  const { sandboxId, envdAccessToken, trafficAccessToken } = record;
  const { port } = visitor;
  const isEnvd = port === ENVD_PORT;
  const wanted = isEnvd ? envdAccessToken : trafficAccessToken;
  const shown = isEnvd ? visitor.envdToken : visitor.trafficToken;
  if (wanted === undefined || secretsEqual(shown, wanted)) return;
  const link = isEnvd ? "" : (visitor.linkToken ?? "");
  if (link !== "" && verifyLink({ sandboxId, port, trafficToken: wanted }, link, nowMs) !== undefined) return;
  throw sandboxFaults.resume_denied({});
}
