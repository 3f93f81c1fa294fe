/** Flags that several commands share. */
import { DEFAULT_DATA_DIR, PORTS, type PortName, type Ports, type SettingsRequest } from "@sandlot/stack";
import type { FlagSpec, FlagSpecs } from "./command";

export const DATA = {
  data: {
    kind: "text",
    sample: "dir",
    help: "directory that holds everything of the installation",
    fallback: DEFAULT_DATA_DIR,
  },
} as const satisfies FlagSpecs;

export const JSON_OUT = {
  json: { kind: "switch", help: "print one JSON object and nothing else" },
} as const satisfies FlagSpecs;

/** Those that are kept in stack.json and used again by the next `up`. */
export const SETUP = {
  "port-base": { kind: "whole", sample: "port", help: "number all ports from here" },
  "api-port": portFlag("api"),
  "proxy-port": portFlag("proxy"),
  "proxy-health-port": portFlag("proxyHealth"),
  "tls-port": portFlag("tls"),
  "dns-port": portFlag("dns"),
  "ssh-port": portFlag("ssh"),
  "docker-port": portFlag("docker"),
  "registry-port": portFlag("registry"),
  "node-port": portFlag("nodeGrpc"),
  "node-proxy-port": portFlag("nodeProxy"),
  "api-grpc-port": portFlag("apiGrpc"),
  "postgres-port": portFlag("postgres"),
  "redis-port": portFlag("redis"),
  host: { kind: "text", sample: "address", help: "where the API and the proxy listen (127.0.0.1)" },
  domain: { kind: "text", sample: "name", help: "domain of sandboxes' host names (sandlot.test)" },
  "dns-host": {
    kind: "text",
    sample: "address",
    help: "where the name server for that domain listens, or none (127.0.0.1)",
  },
  "dns-answer": { kind: "text", sample: "address", help: "what the domain's names stand for (where --host listens)" },
  acme: { kind: "text", sample: "url", help: "directory of the ACME authority to get certificates from, or none" },
  "acme-email": { kind: "text", sample: "address", help: "where that authority may write to" },
  "acme-dns-hook": {
    kind: "text",
    sample: "program",
    help: "sets TXT records (add|remove name value), for a certificate for all names; without one: --acme-http-port",
  },
  "acme-http-port": { kind: "whole", sample: "port", help: "answer the authority here; it asks on port 80" },
  "tls-files": {
    kind: "text",
    sample: "path",
    help: "certificate and key that you look after yourself: path.crt and path.key, or none",
  },
  "slot-cidr": {
    kind: "text",
    sample: "range",
    help: "addresses for sandboxes' network slots (10.12.0.0/16 or the next free)",
  },
  tag: {
    kind: "text",
    sample: "tag",
    help: "four characters that mark links, namespaces and cgroups (from the directory)",
  },
  warm: { kind: "whole", sample: "n", help: "sandboxes of base kept ready (4 to 64, one per 384 MiB of memory)" },
  "max-sandboxes": { kind: "whole", sample: "n", help: "sandboxes that may run at once on this machine (200)" },
  "sandbox-connections": {
    kind: "whole",
    sample: "n",
    help: "connections that one sandbox may have open to the outside (8192)",
  },
  "sandbox-connection-rate": { kind: "whole", sample: "n", help: "new ones in a second; 0 for any number (0)" },
  "sandbox-bandwidth": { kind: "whole", sample: "KiB/s", help: "each way; 0 for no bound (0)" },
  "guest-ca": {
    kind: "text",
    sample: "file",
    help: "PEM file that sandboxes trust, or none (what the host trusts beyond Mozilla's list)",
  },
  "guest-proxy": {
    kind: "text",
    sample: "url",
    help: "proxy for sandboxes, or none (http_proxy and https_proxy of this shell)",
  },
  dns: {
    kind: "text",
    sample: "addresses",
    help: "name servers for sandboxes, ip or ip:port with commas between, or host (those of this host)",
  },
  "disk-reserve": {
    kind: "whole",
    sample: "MiB",
    help: "disk that stays free; below it nothing new starts (5 % of the disk, at most 2048)",
  },
  runtime: {
    kind: "text",
    sample: "names",
    help: "what sandboxes run on: container, qemu, firecracker with commas between, the first unless a sandbox or template says otherwise; auto: container, and microVMs where KVM runs them (container)",
  },
  "runtime-force": {
    kind: "text",
    sample: "words",
    help: "ways of older kernels to take: loop-layers, overlay-paths, cgroup-v1 with commas between, or none",
  },
  "image-mirrors": {
    kind: "text",
    sample: "rules",
    help: "where base images come from: name=http(s)://…, name=template:name or name=debian-archive:suite, with commas between",
  },
  storage: {
    kind: "text",
    sample: "place",
    help: "where builds are kept beyond this disk: s3://bucket?endpoint=url&region=name, keys in AWS_…, or local (local)",
  },
} as const satisfies FlagSpecs;

const PORT_FLAGS: { readonly [K in PortName]: keyof typeof SETUP } = {
  api: "api-port",
  proxy: "proxy-port",
  proxyHealth: "proxy-health-port",
  tls: "tls-port",
  dns: "dns-port",
  ssh: "ssh-port",
  docker: "docker-port",
  registry: "registry-port",
  nodeGrpc: "node-port",
  nodeProxy: "node-proxy-port",
  apiGrpc: "api-grpc-port",
  postgres: "postgres-port",
  redis: "redis-port",
};

function portFlag(name: PortName): FlagSpec & { kind: "whole" } {
  const { what, fallback } = PORTS[name];
  return { kind: "whole", sample: "port", help: `port of ${what} (${fallback})` };
}

/** What was said on the command line; the rest is left to what was said before, or to the defaults. */
export function settingsRequest(flags: Readonly<Record<string, unknown>>): SettingsRequest {
  const whole = (name: string): number | undefined => flags[name] as number | undefined;
  const text = (name: string): string | undefined => flags[name] as string | undefined;
  const ports = Object.entries(PORT_FLAGS).flatMap(([port, flag]) =>
    whole(flag) === undefined ? [] : [[port, whole(flag)]],
  );
  return {
    dataDir: text("data") ?? DEFAULT_DATA_DIR,
    portBase: whole("port-base"),
    ports: Object.fromEntries(ports) as Partial<Ports>,
    host: text("host"),
    domain: text("domain"),
    dnsHost: text("dns-host"),
    dnsAnswer: text("dns-answer"),
    acme: text("acme"),
    acmeEmail: text("acme-email"),
    acmeDnsHook: text("acme-dns-hook"),
    acmeHttpPort: whole("acme-http-port"),
    tlsFiles: text("tls-files"),
    slotCidr: text("slot-cidr"),
    tag: text("tag"),
    warm: whole("warm"),
    maxSandboxes: whole("max-sandboxes"),
    sandboxConnections: whole("sandbox-connections"),
    sandboxConnectionRate: whole("sandbox-connection-rate"),
    sandboxBandwidthKiB: whole("sandbox-bandwidth"),
    guestCa: text("guest-ca"),
    guestProxy: text("guest-proxy"),
    dns: text("dns"),
    diskReserveMiB: whole("disk-reserve"),
    runtime: text("runtime"),
    runtimeForce: text("runtime-force"),
    imageMirrors: text("image-mirrors"),
    storage: text("storage"),
  };
}
