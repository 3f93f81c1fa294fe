/** What else on this host may stand in the way: firewalls, security modules, proxies, private certificates. */
import { existsSync } from "node:fs";
import { tryRun } from "@sandlot/host";
import { probeNetwork } from "@sandlot/network";
import { findNetworkProblem } from "../host/fitness";
import { findHostCertificates, findHostProxies, split } from "../host/guest-trust";
import { type Finding, good, note, problem } from "./finding";
import { readText } from "./read-kernel";

export async function judgeNetwork(): Promise<Finding[]> {
  const lacks = await findNetworkProblem();
  const own =
    lacks === undefined
      ? good("links and rules", "the kernel makes veth links and nftables NAT")
      : problem(
          "links and rules",
          lacks,
          "modprobe -a veth nf_tables nft_chain_nat nft_masq; apt-get install nftables",
        );
  const probe = await probeNetwork().catch((thrown: Error) => ({ problems: [], notes: [thrown.message] }));
  return [
    own,
    ...probe.problems.map((text) => {
      const [says = text, cure = "see packages/network/README.md"] = text.split(/: (?=apt-get|let )/);
      return problem("firewall", says, cure);
    }),
    ...(probe.problems.length === 0 ? [good("firewall", "nobody else's rules drop what sandboxes send")] : []),
    ...probe.notes.map((text) => note("network", text)),
  ];
}

/** Named so that who looks for a cause knows where to look; each of them works with us as it stands. */
export async function findNeighbours(of: { root: string } = { root: "/" }): Promise<Finding[]> {
  const at = (path: string): string => `${of.root.replace(/\/$/, "")}${path}`;
  const found: Finding[] = [];
  if (existsSync(at("/run/docker.sock")) || existsSync(at("/sys/class/net/docker0")))
    found.push(note("Docker", "is here; it sets FORWARD to drop, see firewall; put accepts into DOCKER-USER"));
  if (/^ENABLED=yes$/m.test(readText(at("/etc/ufw/ufw.conf"))))
    found.push(note("ufw", "is on; it drops what is routed, see firewall", "ufw route allow in on sl+"));
  if (existsSync(at("/run/firewalld.pid")) || existsSync(at("/run/firewalld")))
    found.push(
      note(
        "firewalld",
        "runs; it judges sandboxes' links by its default zone",
        "firewall-cmd --zone=trusted --add-interface=sl+",
      ),
    );
  return [...found, selinux(at), apparmor(at)];
}

function selinux(at: (path: string) => string): Finding {
  const mode = readText(at("/sys/fs/selinux/enforce")).trim();
  if (mode === "1")
    return note(
      "SELinux",
      "enforcing; its policy knows nothing of sandboxes",
      "look for denials with ausearch -m avc, or setenforce 0",
    );
  return good("SELinux", mode === "0" ? "permissive" : "not in use");
}

function apparmor(at: (path: string) => string): Finding {
  if (readText(at("/sys/module/apparmor/parameters/enabled")).trim() !== "Y") return good("AppArmor", "not in use");
  const isStrict = readText(at("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")).trim() === "1";
  return note(
    "AppArmor",
    `in use; it confines none of our programs${isStrict ? ", and inside sandboxes keeps users without privileges from user namespaces of their own" : ""}`,
  );
}

export function judgeTrust(env: Readonly<Record<string, string | undefined>>): Finding[] {
  const proxies = findHostProxies(env);
  const named = [proxies.http, proxies.https].filter((url) => url !== "").map(withoutPassword);
  const onlyHere =
    ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].some((name) => env[name]) && named.length === 0;
  const extra = split(findHostCertificates()).length;
  return [
    onlyHere
      ? note(
          "HTTP proxy",
          "listens on this host's loopback, where no sandbox reaches it",
          "name another with up --guest-proxy",
        )
      : good(
          "HTTP proxy",
          named.length === 0 ? "none" : `${[...new Set(named)].join(" and ")}, handed on to sandboxes`,
        ),
    good("private CAs", extra === 0 ? "none beyond Mozilla's list" : `${extra}, trusted by sandboxes too`),
  ];
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}

export function judgeLxcfs(): Finding {
  const cure = "apt-get install lxcfs";
  if (!existsSync("/usr/bin/lxcfs"))
    return note("lxcfs", "not installed: sandboxes see the host's memory in /proc", cure);
  return existsSync("/dev/fuse")
    ? good("lxcfs", "sandboxes see their own memory and processors in /proc")
    : note("lxcfs", "no /dev/fuse: sandboxes see the host's memory in /proc", "modprobe fuse");
}

/** A user namespace that is really made: a sysctl, a module or an outer container may forbid it. */
export async function judgeUserNamespace(): Promise<Finding> {
  const made = await tryRun(["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "true"]);
  if (made.exitCode === 0) return good("namespaces", "made one of each to see");
  return problem(
    "namespaces",
    `could not be made: ${made.stderr.trim().split("\n")[0]}`,
    "give this machine CAP_SYS_ADMIN, or leave the container it is",
  );
}
