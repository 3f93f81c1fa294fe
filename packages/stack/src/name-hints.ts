/** What a person has to do once so that names of sandboxes are known and trusted on this machine. Pure. */
import type { Settings } from "./settings";

export function nameHints(of: {
  settings: Pick<Settings, "domain" | "dnsHost" | "ports" | "dataDir">;
  isTrusted: boolean;
  hasResolved: boolean;
  isDefaultDir: boolean;
}): string[] {
  const { domain, dnsHost, ports, dataDir } = of.settings;
  const where = `https://<port>-<sandbox>.${domain}:${ports.tls}`;
  if (dnsHost === "none") return [`names: ${where} once ${domain} and *.${domain} lead here`];
  const server = `${dnsHost}${ports.dns === 53 ? "" : `:${ports.dns}`}`;
  const ask = of.hasResolved
    ? `resolvectl dns lo ${server} && resolvectl domain lo '~${domain}'`
    : ports.dns === 53
      ? `put "nameserver ${dnsHost}" first into /etc/resolv.conf`
      : `tell the resolver to ask ${dnsHost} port ${ports.dns} for ${domain}, as dnsmasq's server=/${domain}/${dnsHost}#${ports.dns}`;
  const trust = of.isTrusted ? "" : `, and trust it: sandlot trust${of.isDefaultDir ? "" : ` --data ${dataDir}`}`;
  return [`names: ${where} once you ${of.hasResolved ? "say " : ""}${ask}${trust}`];
}
