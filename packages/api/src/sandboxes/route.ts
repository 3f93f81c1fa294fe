import type { SandboxRecord, State } from "@sandlot/state";

/** Makes the sandbox reachable; writing it again repairs a lost entry. */
export async function putRoute({ catalog }: State, record: SandboxRecord): Promise<void> {
  await catalog.put(record.sandboxId, {
    orchestratorId: record.nodeId,
    orchestratorIp: record.nodeIp,
    executionId: record.executionId,
    startedAtMs: record.startedAtMs,
    maxLengthHours: record.maxLengthHours,
  });
}
