import { sandboxFaults } from "@sandlot/domain";
import type { SandboxParts } from "../sandboxes/parts";
import { putRoute } from "../sandboxes/route";

/**
 * What client-proxy asks when the catalog has no route: where the sandbox is. A live one gets its route back.
 * @throws Fault `sandbox_missing`
 */
export async function resumeSandbox({ state }: Pick<SandboxParts, "state">, sandboxId: string): Promise<string> {
  const record = /^[a-z0-9]{1,64}$/.test(sandboxId) ? await state.sandboxes.find(sandboxId) : undefined;
  const isLive = record?.state === "running" || record?.state === "snapshotting";
  if (record === undefined || !isLive) throw sandboxFaults.missing({ sandboxId });
  await putRoute(state, record);
  return record.nodeIp;
}
