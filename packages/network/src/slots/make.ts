/** Makes and destroys slots, several at a time: one run of `ip` for the host's half, one shell per namespace for the other. */
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { installationNumber, type NetworkPlan, planSlot, type SlotPlan, UPLINK } from "../address/plan";
import { runIpBatch, runTool } from "../command";
import { type SlotRules, slotTable } from "./table";

export type MakeSlots = Omit<SlotRules, "slot"> & { readonly mtu: number };

/** All or nothing: when one fails, none of the batch is left. @throws Fault `network_command_failed` */
export async function makeSlots(indexes: readonly number[], of: MakeSlots): Promise<void> {
  const slots = indexes.map((index) => planSlot(of.plan, index));
  try {
    await runIpBatch(slots.flatMap((slot) => hostLines(slot, of.mtu)));
    const halves = await Promise.allSettled(
      slots.map((slot) => runTool(["nsenter", `--net=${slot.netnsPath}`, "sh", "-c", insideScript(slot, of)])),
    );
    for (const half of halves) if (half.status === "rejected") throw half.reason;
  } catch (thrown) {
    await destroySlots(indexes, of.plan);
    throw thrown;
  }
}

/**
 * Removes namespaces and links and cuts the host's own connections to them. What is gone already is passed over.
 * Deleting the host's end deletes both ends at once, while a namespace is torn down by the kernel in its own time.
 */
export async function destroySlots(indexes: readonly number[], plan: NetworkPlan): Promise<void> {
  if (indexes.length === 0) return;
  const slots = indexes.map((index) => planSlot(plan, index));
  await cutHostConnections(slots);
  // The kernel waits tens of milliseconds per deletion of a link, but only once for a whole group.
  const group = installationNumber(plan.tag);
  await runIpBatch(
    [
      ...slots.map((slot) => `link set dev ${slot.hostLink} group ${group}`),
      `link del group ${group}`,
      ...slots.map((slot) => `netns del ${slot.netns}`),
    ],
    true,
  );
}

/** Which part of a slot is missing; undefined when it is whole. */
export function missingPart(slot: SlotPlan): string | undefined {
  if (!existsSync(slot.netnsPath)) return "namespace";
  if (!existsSync(`/sys/class/net/${slot.hostLink}`)) return "link";
  // Another address means that the range was changed between two runs: proxies would dial into the void.
  const addresses = networkInterfaces()[slot.hostLink] ?? [];
  return addresses.some(({ address }) => address === slot.hostAddress) ? undefined : "address";
}

/** Sockets of the host towards these slots fail now (ECONNABORTED) instead of when TCP gives up in minutes. */
async function cutHostConnections(slots: readonly SlotPlan[]): Promise<void> {
  const filter = slots.map((slot) => `dst ${slot.address}`).join(" or ");
  await runTool(["ss", "-K", "-H", "-t", ...filter.split(" ")]).catch(() => undefined);
}

function hostLines(slot: SlotPlan, mtu: number): string[] {
  return [
    `netns add ${slot.netns}`,
    `link add name ${slot.hostLink} mtu ${mtu} type veth peer name ${UPLINK} mtu ${mtu} netns ${slot.netns}`,
    `link set dev ${slot.hostLink} addrgenmode none`,
    `addr add ${slot.hostAddress}/31 dev ${slot.hostLink}`,
    `link set dev ${slot.hostLink} up`,
  ];
}

/** Settings under "default" reach the guest's link, which comes later. */
const SETTINGS: readonly (readonly [string, number])[] = [
  ["ipv6/conf/all/disable_ipv6", 1],
  ["ipv6/conf/default/disable_ipv6", 1],
  ["ipv4/ip_forward", 1],
  ...["all", "default"].flatMap((scope) => [
    [`ipv4/conf/${scope}/rp_filter`, 1] as const,
    [`ipv4/conf/${scope}/accept_redirects`, 0] as const,
    [`ipv4/conf/${scope}/send_redirects`, 0] as const,
    [`ipv4/conf/${scope}/accept_source_route`, 0] as const,
    [`ipv4/conf/${scope}/arp_ignore`, 1] as const,
  ]),
];

function insideScript(slot: SlotPlan, of: MakeSlots): string {
  return `set -e
cd /proc/sys/net
${SETTINGS.map(([name, value]) => `[ ! -e ${name} ] || echo ${value} > ${name}`).join("\n")}
ip -batch - <<'END'
link set lo up
addr add ${slot.address}/31 dev ${UPLINK}
link set ${UPLINK} up
route add default via ${slot.hostAddress}
END
exec nft -f - <<'END'
${slotTable({ ...of, slot })}END
`;
}
