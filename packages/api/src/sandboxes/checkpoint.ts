/** Seals a copy of a running sandbox, which goes on: what forks and snapshots start from. */
import { noteSealedBuild, noteSealFailed, type SealedSize } from "@sandlot/db";
import { CHECKPOINT_ENVD_VERSION, isAtLeast, sandboxFaults } from "@sandlot/domain";
import type { SandboxKey, SandboxRecord, Started } from "@sandlot/state";
import { limits } from "../limits";
import { findPaused } from "./find-sandbox";
import type { SandboxParts } from "./parts";
import { assertMemory, runtimeOf, sizeOf, told } from "./pause-sandbox";
import { askForSeal, type SealAnswer } from "./seal";

export type Doing = "forked" | "snapshotted";
export type Checkpoint = { readonly record: SandboxRecord; readonly buildId: string; readonly size: SealedSize };

/**
 * The build is kept for `limits.buildHoldS` although nothing refers to it; what comes of it says so to the database.
 * @throws Fault `sandbox_missing`, `sandbox_paused_original`, `sandbox_wrong_state`, `sandbox_envd_too_old`,
 *   `sandbox_memory_unsupported`, `sandbox_memory_not_saved`, `sandbox_seal_failed`, `sandbox_seal_unknown`
 */
export async function checkpointSandbox(parts: SandboxParts, key: SandboxKey, doing: Doing): Promise<Checkpoint> {
  const { sandboxId } = key;
  for (;;) {
    const begun = await parts.state.sandboxes.beginTransition({ ...key, event: "snapshot" });
    if (begun.kind === "refused") throw sandboxFaults.wrong_state({ sandboxId, doing, state: begun.state });
    if (begun.kind === "started") return await checkpointBegun(parts, begun);
    // One that is just being started is there in a moment.
    if (begun.kind === "missing" && (await parts.state.sandboxes.settled(key)) === undefined) {
      if ((await findPaused(parts, key)) === undefined) throw sandboxFaults.missing({ sandboxId });
      throw sandboxFaults.paused_original({ sandboxId, doing });
    }
  }
}

async function checkpointBegun(parts: SandboxParts, begun: Started): Promise<Checkpoint> {
  const { record } = begun;
  try {
    const { envdVersion: version } = record;
    const wanted = CHECKPOINT_ENVD_VERSION;
    if (!isAtLeast(version, wanted)) throw sandboxFaults.envd_too_old({ version, wanted });
    assertMemory(parts, record);
    return await seal(parts, record);
  } finally {
    // Whatever came of the copy, the sandbox itself goes on; a node that lost it says so in its list.
    await begun.finish({ kind: "running" });
  }
}

async function seal(parts: SandboxParts, record: SandboxRecord): Promise<Checkpoint> {
  const { db } = parts;
  const { sandboxId, nodeId, templateId } = record;
  const buildId = crypto.randomUUID();
  const facts = { ...sizeOf(record), ...runtimeOf(parts, record) };
  const build = { buildId, madeBy: "checkpoint", hasMemory: true, ...facts, nodeId } as const;
  await noteSealedBuild(db, build, limits.buildHoldS);
  const asked = { sandboxId, buildId, as: "checkpoint", hasMemory: true, templateId } as const;
  const answer = await askForSeal(parts, nodeId, asked);
  if (answer.kind === "sealed") {
    parts.events.sandboxCheckpointed({ ...record, size: answer.size });
    return { record, buildId, size: answer.size };
  }
  const fault = faultOf(answer, sandboxId);
  // Of a build that may be there after all, nothing is said: it is collected when it is held no longer.
  if (answer.kind !== "silent") await noteSealFailed(db, { buildId, why: told(fault).message }).catch(() => undefined);
  throw fault;
}

function faultOf(answer: Exclude<SealAnswer, { kind: "sealed" }>, sandboxId: string) {
  switch (answer.kind) {
    case "refused":
      return sandboxFaults.memory_not_saved({ sandboxId, why: answer.why });
    case "failed":
      return sandboxFaults.seal_failed({ sandboxId, why: answer.why });
    case "missing":
      return sandboxFaults.missing({ sandboxId });
    case "silent":
      return sandboxFaults.seal_unknown({ sandboxId });
  }
}
