/** Whether this host's network can carry sandboxes, and what else on it stands in the way. Changes nothing. */
import { readFile } from "node:fs/promises";
import { runTool } from "./command";
import { readUplink } from "./root/host";

export type NetworkProbe = {
  readonly usable: boolean;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
};

type NftChain = { family?: string; table?: string; name?: string; hook?: string; policy?: string };

/** `problems` stop sandboxes from working and say the cure; `notes` are worth knowing. */
export async function probeNetwork(): Promise<NetworkProbe> {
  const problems: string[] = [];
  const notes: string[] = [];
  for (const [tool, argument, debian] of [
    ["ip", "-V", "iproute2"] as const,
    ["nft", "--version", "nftables"] as const,
    ["nsenter", "--version", "util-linux"] as const,
  ])
    await runTool([tool, argument]).catch(() => problems.push(`${tool} is missing: apt-get install ${debian}`));
  if (problems.length > 0) return { usable: false, problems, notes };
  const uplink = await readUplink("auto");
  if (uplink === undefined) notes.push("this host has no default route: sandboxes will have no internet");
  else notes.push(`uplink ${uplink.name}, MTU ${uplink.mtu}`);
  problems.push(...(await readForeignPolicies()));
  const most = Number(await readFile("/proc/sys/net/netfilter/nf_conntrack_max", "utf8").catch(() => "0"));
  if (most > 0 && most < 131_072) notes.push(`nf_conntrack_max is ${most}; 262144 suits a node with many sandboxes`);
  return { usable: problems.length === 0, problems, notes };
}

/**
 * Base chains of others that drop by default and hold no rule for our links, in themselves or where they jump to: an
 * accept of ours cannot overrule them, whatever its priority.
 */
async function readForeignPolicies(): Promise<string[]> {
  const { nftables = [] } = JSON.parse(await runTool(["nft", "-j", "list", "chains"])) as {
    nftables?: { chain?: NftChain }[];
  };
  const problems: string[] = [];
  for (const { chain } of nftables) {
    if (chain?.policy !== "drop" || chain.table?.startsWith("sandlot_") || !["ip", "inet"].includes(chain.family ?? ""))
      continue;
    if (chain.hook !== "forward" && chain.hook !== "input") continue;
    const rules = await runTool(["nft", "list", "table", chain.family ?? "", chain.table ?? ""]).catch(() => "");
    if (!letsUsThrough(rules, chain.hook)) problems.push(cure(chain));
  }
  // Rules of the old iptables do not show in nft.
  const legacyTables = await readFile("/proc/net/ip_tables_names", "utf8").catch(() => "");
  if (legacyTables.includes("filter")) {
    const rules = await runTool(["iptables-legacy", "-S"]).catch(() => "");
    for (const [, hook = ""] of rules.matchAll(/^-P (FORWARD|INPUT) DROP$/gm)) {
      if (
        hook === "FORWARD"
          ? /-i sl\+.* ACCEPT/.test(rules) && /-o sl\+.* ACCEPT/.test(rules)
          : /-i sl\+.* ACCEPT/.test(rules)
      )
        continue;
      problems.push(cure({ family: "ip", table: "filter (iptables-legacy)", name: hook, hook: hook.toLowerCase() }));
    }
  }
  return problems;
}

/** Whether somebody followed the cure. Pure; `rules` as `nft list table` prints them. */
export function letsUsThrough(rules: string, hook: "forward" | "input"): boolean {
  const accepts = (direction: string): boolean => new RegExp(`\\b${direction} "?sl\\*"?\\s.*\\baccept\\b`).test(rules);
  return accepts("iifname") && (hook === "input" || accepts("oifname"));
}

function cure({ family = "", table = "", name = "", hook = "" }: NftChain): string {
  const place = `${family} ${table} ${name}`;
  const rule = (direction: string): string => `iptables -I ${name} ${direction} sl+ -j ACCEPT`;
  return hook === "forward"
    ? `${place} drops what it does not know: let sandboxes through with ${rule("-i")} and ${rule("-o")} (Docker: in DOCKER-USER)`
    : `${place} drops what it does not know: let guests reach the node's resolver with ${rule("-i")}; our own rules still keep them from all else`;
}
