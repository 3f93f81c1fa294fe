/** What the host looks like: its uplink, and whose routes and names are there already. */
import { readdir } from "node:fs/promises";
import { hostLinkPrefix, indexIn, installationNumber, type NetworkPlan, netnsPrefix } from "../address/plan";
import { overlaps, parseCidr } from "../address/ranges";
import { runTool } from "../command";
import { networkFaults } from "../faults";

type IpRoute = { dst?: string; dev?: string; type?: string; metric?: number };
type IpLink = { ifname?: string; mtu?: number };

/** The link of the default route, the first one where there are several; undefined on a host without one. */
export async function readUplink(wanted: string | "auto"): Promise<{ name: string; mtu: number } | undefined> {
  let name: string | undefined = wanted;
  if (wanted === "auto") {
    const routes = JSON.parse(await runTool(["ip", "-4", "-j", "route", "show", "default"])) as IpRoute[];
    name = routes.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0]?.dev;
  }
  if (name === undefined) return undefined;
  const [link] = JSON.parse(await runTool(["ip", "-j", "link", "show", "dev", name])) as IpLink[];
  return { name, mtu: link?.mtu ?? 1500 };
}

/**
 * Refuses a slot range that anyone else on this host routes, another installation of ours included.
 * @throws Fault `network_cidr_taken`
 */
export async function checkRangeIsFree(plan: NetworkPlan): Promise<void> {
  const routes = JSON.parse(await runTool(["ip", "-4", "-j", "route", "show", "table", "main"])) as IpRoute[];
  for (const { dst = "default", dev, type, metric } of routes) {
    if (dst === "default" || !overlaps(parseCidr(dst), plan.slotRange)) continue;
    const isOurs =
      dev?.startsWith(`sl${plan.tag}`) || (type === "unreachable" && metric === installationNumber(plan.tag));
    if (!isOurs) throw networkFaults.cidr_taken({ cidr: plan.slotCidr, by: dev ?? `a route to ${dst}` });
  }
}

/** Destinations of our catch-all route; more than one when the range was changed between two runs. */
export async function findCatchAllRoutes(tag: string): Promise<string[]> {
  const routes = JSON.parse(await runTool(["ip", "-4", "-j", "route", "show", "table", "main"])) as IpRoute[];
  return routes.flatMap(({ dst, type, metric }) =>
    dst !== undefined && type === "unreachable" && metric === installationNumber(tag) ? [dst] : [],
  );
}

/** Indexes of every slot of this tag that has left a namespace or a link, found by name and not by memory. */
export async function findSlots(tag: string): Promise<Set<number>> {
  const found = new Set<number>();
  const [netns, links] = await Promise.all([readdir("/run/netns").catch(() => []), readdir("/sys/class/net")]);
  for (const name of netns) note(indexIn(name, netnsPrefix(tag)));
  for (const name of links) note(indexIn(name, hostLinkPrefix(tag)));
  function note(index: number | undefined): void {
    if (index !== undefined) found.add(index);
  }
  return found;
}
