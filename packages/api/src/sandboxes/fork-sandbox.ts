/** Starts copies of a running sandbox: one checkpoint, then every copy on its own, each with an identity and tokens of its own. */
import { letGoOfBuild, type Team } from "@sandlot/db";
import { MAX_FORK_COUNT, sandboxFaults } from "@sandlot/domain";
import { Gate } from "@sandlot/lifetime";
import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import { checkpointSandbox } from "./checkpoint";
import type { SandboxParts } from "./parts";
import { startCopy } from "./start-sandbox";

export type ForkRequest = {
  readonly team: Team;
  readonly sandboxId: string;
  readonly count: number;
  /** How long each copy lives, in milliseconds. */
  readonly timeoutMs: number;
};

/**
 * @returns one result per copy
 * @throws Fault `sandbox_fork_count_low`, `…_high`, `…_over_limit` and those of `checkpointSandbox`; nothing was started then
 */
export async function forkSandbox(
  parts: SandboxParts,
  { team, sandboxId, count, timeoutMs }: ForkRequest,
): Promise<PromiseSettledResult<SandboxRecord>[]> {
  if (count < 1) throw sandboxFaults.fork_count_low({});
  if (count > MAX_FORK_COUNT) throw sandboxFaults.fork_count_high({});
  const limit = team.concurrentSandboxes;
  if (count >= limit) throw sandboxFaults.fork_count_over_limit({ limit });
  const { record, buildId } = await checkpointSandbox(parts, { teamId: team.teamId, sandboxId }, "forked");
  const gate = new Gate(limits.forkAtOnce);
  const copy = () => gate.run(() => startCopy(parts, { original: record, buildId, team, timeoutMs }));
  const results = await Promise.allSettled(Array.from({ length: count }, copy));
  // From now on only the copies keep it; when this fails it is held a while longer.
  await letGoOfBuild(parts.db, buildId).catch(() => undefined);
  return results;
}
