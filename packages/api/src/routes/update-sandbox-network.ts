import { parseSandboxId, planEgress, sandboxFaults } from "@sandlot/domain";
import type { SandboxNetworkRequest, SandboxRecord } from "@sandlot/state";
import { apiFaults } from "../faults";
import type { Handler } from "../http/handlers";
import { readFailure } from "../nodes/failures";
import { assertNotPaused, assertRunning } from "../sandboxes/find-sandbox";
import type { SandboxParts } from "../sandboxes/parts";
import { storedNetwork } from "../sandboxes/stored-network";
import { putRulesInForce } from "../sandboxes/tell-node";

/** PUT /sandboxes/{sandboxID}/network — replaces what it may reach as a whole; what is left out is cleared. */
export function updateSandboxNetwork(parts: SandboxParts): Handler<"updateSandboxNetwork"> {
  return async ({ team, path, body }) => {
    const sandboxId = parseSandboxId(path.sandboxID);
    const { allow_internet_access: allowInternetAccess, ...asked } = body;
    planEgress(asked, allowInternetAccess);
    const network = storedNetwork(asked, { vault: parts.vault, teamId: team.teamId });
    const key = { teamId: team.teamId, sandboxId };
    const record = await parts.state.sandboxes.update(key, (found) => {
      assertRunning(found);
      return withEgress(found, { network, allowInternetAccess });
    });
    if (record === undefined) return await assertNotPaused(parts, key);
    await putRulesInForce(parts, record).catch((thrown) => {
      // The record says what is wanted; asking again puts it in force.
      if (readFailure(thrown) === "missing") throw sandboxFaults.missing({ sandboxId }, thrown);
      throw apiFaults.rules_not_in_force({ nodeId: record.nodeId }, thrown);
    });
    parts.events.sandboxRulesReplaced(record);
    return { status: 204 };
  };
}

/** Ingress is kept: only create decides about it. */
function withEgress(
  record: SandboxRecord,
  of: { network: SandboxNetworkRequest; allowInternetAccess: boolean | undefined },
): SandboxRecord {
  const { allowPublicTraffic, maskRequestHost } = record.network ?? {};
  const { allowOut, denyOut, rules, egressProxy } = of.network;
  return {
    ...record,
    network: {
      ...(allowPublicTraffic !== undefined && { allowPublicTraffic }),
      ...(maskRequestHost !== undefined && { maskRequestHost }),
      ...(allowOut !== undefined && { allowOut }),
      ...(denyOut !== undefined && { denyOut }),
      ...(rules !== undefined && { rules }),
      ...(egressProxy !== undefined && { egressProxy }),
    },
    allowInternetAccess: of.allowInternetAccess ?? null,
  };
}
