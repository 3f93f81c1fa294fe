/** The host's side of an installation: table, resolver address, catch-all route, forwarding; kept whole while we run. */
import { every } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { ALWAYS_DENIED, readHostRanges } from "../address/denied";
import { installationNumber, type NetworkPlan } from "../address/plan";
import { formatRange, mergeRanges, type Range } from "../address/ranges";
import { runIpBatch, runNft, runTool } from "../command";
import { limits } from "../limits";
import { dropForwarding, holdForwarding, mendForwarding } from "./forwarding";
import { checkRangeIsFree, findCatchAllRoutes } from "./host";
import { deniedUpdate, type PredefinedAllow, rootTable } from "./table";

export type RootNetwork = AsyncDisposable & {
  /** What guests are denied now: the fixed list, the slot range and the host's own networks. */
  denied(): readonly Range[];
};

/**
 * Sets the host's side up, or takes over what an earlier run left, without a gap for live sandboxes. Disposing stops the
 * watching only; `removeRootNetwork` undoes it.
 * @throws Fault `network_cidr_taken`, `network_command_failed`
 */
export async function startRootNetwork(of: {
  plan: NetworkPlan;
  predefined: readonly PredefinedAllow[];
  log: Logger;
}): Promise<RootNetwork> {
  const { plan, predefined, log } = of;
  await checkRangeIsFree(plan);
  let denied = deniedNow(plan);
  await runNft(rootTable({ plan, denied, predefined }));
  const link = plan.resolverLink;
  // Only a carrier for one address. A pair of veths, since slots need those anyway and not every kernel has dummy links.
  await runIpBatch([`link add ${link} type veth peer name sl${plan.tag}e`], true);
  await runIpBatch([
    `link set ${link} addrgenmode none`,
    `link set ${link} up`,
    `addr replace ${plan.resolverAddress}/32 dev ${link}`,
    // Whoever still dials a slot that is gone is told at once instead of being sent to the default route.
    `route replace unreachable ${plan.slotCidr} metric ${installationNumber(plan.tag)}`,
  ]);
  await holdForwarding(plan.tag);
  const watch = every(
    limits.hostWatchMs,
    async () => {
      if (await mendForwarding()) log.warn("someone turned ip_forward off; it is on again");
      const now = deniedNow(plan);
      const isTableThere = await hasTable(plan);
      if (!isTableThere) {
        log.error("someone removed our nft table; it is back", { table: plan.table });
        await runNft(rootTable({ plan, denied: now, predefined }));
      } else if (shown(now) !== shown(denied)) {
        await runNft(deniedUpdate(plan, now));
        log.info("the host's own networks changed", { denied: now.map(formatRange) });
      }
      denied = now;
    },
    (thrown) => log.warn("cannot keep the host's network rules up to date", { thrown }),
  );
  return {
    denied: () => denied,
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

/** Takes away all of it; idempotent, and goes on when half is gone already. */
export async function removeRootNetwork(tag: string): Promise<void> {
  await runIpBatch([`link del sl${tag}d`], true);
  for (const dst of await findCatchAllRoutes(tag))
    await runIpBatch([`route del unreachable ${dst} metric ${installationNumber(tag)}`], true);
  await runNft(`table inet sandlot_${tag}\ndelete table inet sandlot_${tag}\n`);
  await dropForwarding(tag);
}

function deniedNow(plan: NetworkPlan): Range[] {
  return mergeRanges([...ALWAYS_DENIED, ...readHostRanges(), plan.slotRange]);
}

function shown(ranges: readonly Range[]): string {
  return ranges.map(formatRange).join();
}

async function hasTable(plan: NetworkPlan): Promise<boolean> {
  return await runTool(["nft", "list", "chain", "inet", plan.table, "from_slot"]).then(
    () => true,
    () => false,
  );
}
