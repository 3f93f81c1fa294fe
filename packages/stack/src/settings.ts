/** What an installation was set up with: flags of the last `up`, kept in stack.json so that every command agrees. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { isRuntimeName, RUNTIME_NAMES } from "@sandlot/domain";
import { stackFaults } from "./faults";
import { readJson, writeJson } from "./json-file";
import { pathsOf } from "./paths";
import { parseStorage, STORAGE_FORM } from "./services/storage-setting";
import { defaultWarm } from "./warm-default";

/** Port, offset from --port-base, and the flag that sets it alone. */
export const PORTS = {
  api: { fallback: 3000, offset: 0, flag: "--api-port", what: "the API" },
  proxyHealth: { fallback: 3001, offset: 1, flag: "--proxy-health-port", what: "the proxy's health" },
  proxy: { fallback: 3002, offset: 2, flag: "--proxy-port", what: "traffic to sandboxes" },
  tls: { fallback: 3443, offset: 3, flag: "--tls-port", what: "traffic inside TLS" },
  dns: { fallback: 3053, offset: 4, flag: "--dns-port", what: "the name server" },
  ssh: { fallback: 3022, offset: 5, flag: "--ssh-port", what: "SSH into sandboxes" },
  docker: { fallback: 5000, offset: 9, flag: "--docker-port", what: "docker push" },
  registry: { fallback: 5006, offset: 6, flag: "--registry-port", what: "pushed images" },
  nodeProxy: { fallback: 5007, offset: 7, flag: "--node-proxy-port", what: "the node's proxy" },
  nodeGrpc: { fallback: 5008, offset: 8, flag: "--node-port", what: "the node" },
  apiGrpc: { fallback: 5010, offset: 10, flag: "--api-grpc-port", what: "the API's internal service" },
  postgres: { fallback: 5442, offset: 12, flag: "--postgres-port", what: "PostgreSQL" },
  redis: { fallback: 6389, offset: 13, flag: "--redis-port", what: "Redis" },
} as const;

export type PortName = keyof typeof PORTS;
export type Ports = { readonly [K in PortName]: number };

export type Settings = {
  readonly dataDir: string;
  /** Four characters that mark everything of this installation on the host. */
  readonly tag: string;
  /** Where the API and the proxy listen; everything else stays on loopback. */
  readonly host: string;
  readonly domain: string;
  /** Where the name server listens, or none. */
  readonly dnsHost: string;
  /** What the domain stands for; undefined: this machine. */
  readonly dnsAnswer: string | undefined;
  /** Certificates from an ACME authority: its directory, or none. */
  readonly acme: string | undefined;
  readonly acmeEmail: string | undefined;
  readonly acmeDnsHook: string | undefined;
  readonly acmeHttpPort: number | undefined;
  /** `<base>.crt` and `<base>.key` that somebody else looks after, or none. */
  readonly tlsFiles: string | undefined;
  readonly ports: Ports;
  readonly slotCidr: string;
  /** Machines of `base` kept ready to be claimed. */
  readonly warm: number;
  readonly maxSandboxes: number;
  /** Bounds of what one sandbox takes of the network; undefined leaves them to the node. */
  readonly sandboxConnections: number | undefined;
  readonly sandboxConnectionRate: number | undefined;
  readonly sandboxBandwidthKiB: number | undefined;
  readonly guestCa: string | undefined;
  readonly guestProxy: string | undefined;
  /** Name servers behind the one that guests ask, with commas between; undefined or `host` for the host's own. */
  readonly dns: string | undefined;
  /** Kept free on the disk; undefined leaves it to the node. */
  readonly diskReserveMiB: number | undefined;
  /** What sandboxes run on, with commas between, the first where nobody says otherwise; or auto. */
  readonly runtime: string;
  /** Ways of older kernels to take, with commas between. */
  readonly runtimeForce: string | undefined;
  /** Rules of where base images come from, with commas between. */
  readonly imageMirrors: string | undefined;
  /** Where builds go beyond this disk; undefined for nowhere. */
  readonly storage: string | undefined;
};

/** What a person may say on the command line; all of it optional. */
export type SettingsRequest = {
  readonly dataDir: string;
  readonly portBase?: number | undefined;
  readonly ports?: Partial<Ports> | undefined;
  readonly tag?: string | undefined;
  readonly host?: string | undefined;
  readonly domain?: string | undefined;
  readonly dnsHost?: string | undefined;
  readonly dnsAnswer?: string | undefined;
  readonly acme?: string | undefined;
  readonly acmeEmail?: string | undefined;
  readonly acmeDnsHook?: string | undefined;
  readonly acmeHttpPort?: number | undefined;
  readonly tlsFiles?: string | undefined;
  readonly slotCidr?: string | undefined;
  readonly warm?: number | undefined;
  readonly maxSandboxes?: number | undefined;
  readonly sandboxConnections?: number | undefined;
  readonly sandboxConnectionRate?: number | undefined;
  readonly sandboxBandwidthKiB?: number | undefined;
  readonly guestCa?: string | undefined;
  readonly guestProxy?: string | undefined;
  readonly dns?: string | undefined;
  readonly diskReserveMiB?: number | undefined;
  readonly runtime?: string | undefined;
  readonly runtimeForce?: string | undefined;
  readonly imageMirrors?: string | undefined;
  readonly storage?: string | undefined;
};

/** The real path, so that two spellings of one directory are one installation. */
export function canonical(dataDir: string): string {
  const path = resolve(dataDir);
  return existsSync(path) ? realpathSync(path) : path;
}

export function tagOf(dataDir: string): string {
  const digest = createHash("sha256").update(dataDir).digest();
  return digest.readUInt32BE(0).toString(36).padStart(4, "0").slice(-4);
}

/**
 * Said now, else said before, else the default.
 * @throws Fault `stack_setting_invalid`
 */
export function resolveSettings(request: SettingsRequest, freeCidr: () => string): Settings {
  const dataDir = canonical(request.dataDir);
  const held = readSettings(dataDir);
  const settings: Settings = {
    dataDir,
    tag: request.tag ?? held?.tag ?? tagOf(dataDir),
    host: request.host ?? held?.host ?? "127.0.0.1",
    domain: request.domain ?? held?.domain ?? "sandlot.test",
    dnsHost: request.dnsHost ?? held?.dnsHost ?? "127.0.0.1",
    dnsAnswer: request.dnsAnswer ?? held?.dnsAnswer,
    acme: request.acme ?? held?.acme,
    acmeEmail: request.acmeEmail ?? held?.acmeEmail,
    acmeDnsHook: request.acmeDnsHook ?? held?.acmeDnsHook,
    acmeHttpPort: request.acmeHttpPort ?? held?.acmeHttpPort,
    tlsFiles: request.tlsFiles ?? held?.tlsFiles,
    ports: resolvePorts(request, held),
    slotCidr: request.slotCidr ?? held?.slotCidr ?? freeCidr(),
    warm: request.warm ?? held?.warm ?? defaultWarm(),
    maxSandboxes: request.maxSandboxes ?? held?.maxSandboxes ?? 200,
    sandboxConnections: request.sandboxConnections ?? held?.sandboxConnections,
    sandboxConnectionRate: request.sandboxConnectionRate ?? held?.sandboxConnectionRate,
    sandboxBandwidthKiB: request.sandboxBandwidthKiB ?? held?.sandboxBandwidthKiB,
    guestCa: request.guestCa ?? held?.guestCa,
    guestProxy: request.guestProxy ?? held?.guestProxy,
    dns: request.dns ?? held?.dns,
    diskReserveMiB: request.diskReserveMiB ?? held?.diskReserveMiB,
    runtime: request.runtime ?? held?.runtime ?? "container",
    runtimeForce: request.runtimeForce ?? held?.runtimeForce,
    imageMirrors: request.imageMirrors ?? held?.imageMirrors,
    storage: request.storage ?? held?.storage,
  };
  check(settings);
  return settings;
}

export function defaultPorts(): Ports {
  return Object.fromEntries(Object.entries(PORTS).map(([name, { fallback }]) => [name, fallback])) as Ports;
}

function resolvePorts(request: SettingsRequest, held: Settings | undefined): Ports {
  const rows = Object.entries(PORTS).map(([name, { fallback, offset }]) => {
    const said = request.ports?.[name as PortName];
    const based = request.portBase === undefined ? undefined : request.portBase + offset;
    return [name, said ?? based ?? held?.ports[name as PortName] ?? added(held, { fallback, offset })] as const;
  });
  return Object.fromEntries(rows) as Ports;
}

const SERVER = /^\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?$/;

/** Of a port that an earlier version did not have: in the range that this installation was given. */
function added(held: Settings | undefined, { fallback, offset }: { fallback: number; offset: number }): number {
  const isMoved = held !== undefined && held.ports.api !== PORTS.api.fallback;
  return isMoved ? held.ports.api + offset : fallback;
}

/** As the node takes them, which would not start otherwise. */
function checkBounds(settings: Settings, refuse: (flag: string, want: string, got: unknown) => never): void {
  const bounds = [
    ["--sandbox-connections", settings.sandboxConnections, 1, 65_536],
    ["--sandbox-connection-rate", settings.sandboxConnectionRate, 0, 100_000],
    ["--sandbox-bandwidth", settings.sandboxBandwidthKiB, 0, 4_000_000],
  ] as const;
  for (const [flag, value, least, most] of bounds) {
    if (value !== undefined && (value < least || value > most)) refuse(flag, `from ${least} to ${most}`, value);
  }
}

function isRuntimeChoice(text: string): boolean {
  const words = text.split(",");
  return text === "auto" || (words.every(isRuntimeName) && new Set(words).size === words.length);
}

const FORCES = ["loop-layers", "overlay-paths", "cgroup-v1", "none"];

function check(settings: Settings): void {
  const refuse = (flag: string, want: string, got: unknown): never => {
    throw stackFaults.setting_invalid({ flag, want, got: String(got) });
  };
  if (!/^[a-z0-9]{4}$/.test(settings.tag)) refuse("--tag", "four characters of a-z and 0-9", settings.tag);
  if (!/^(?=.{1,200}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/.test(settings.domain))
    refuse("--domain", "a name in lower case such as sandlot.test, without a port", settings.domain);
  if (settings.dnsHost !== "none" && isIP(settings.dnsHost) === 0)
    refuse("--dns-host", "an address of this machine, or none", settings.dnsHost);
  if (settings.dnsAnswer !== undefined && isIP(settings.dnsAnswer) === 0)
    refuse("--dns-answer", "an IP address", settings.dnsAnswer);
  if (settings.acme !== undefined && settings.acme !== "none" && !URL.canParse(settings.acme))
    refuse("--acme", "the URL of an ACME directory, or none", settings.acme);
  if (!/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(settings.slotCidr))
    refuse("--slot-cidr", "an IPv4 range such as 10.12.0.0/16", settings.slotCidr);
  checkBounds(settings, refuse);
  if (settings.guestCa !== undefined && settings.guestCa !== "none" && !existsSync(settings.guestCa)) {
    refuse("--guest-ca", "a PEM file or none", settings.guestCa);
  }
  const servers = (settings.dns ?? "host").split(",");
  if (settings.dns !== "host" && settings.dns !== undefined && !servers.every((one) => SERVER.test(one)))
    refuse("--dns", "ip or ip:port with commas between, or host", settings.dns);
  if (!isRuntimeChoice(settings.runtime))
    refuse("--runtime", `${RUNTIME_NAMES.join(", ")} with commas between, or auto`, settings.runtime);
  const forces = (settings.runtimeForce ?? "none").split(",");
  if (settings.runtimeForce !== "none" && forces.some((word) => !FORCES.includes(word)))
    refuse("--runtime-force", `words of ${FORCES.join(", ")}`, settings.runtimeForce);
  if (settings.storage !== undefined && parseStorage(settings.storage) === undefined)
    refuse("--storage", STORAGE_FORM, settings.storage);
  const seen = new Map<number, string>();
  for (const [name, port] of Object.entries(settings.ports)) {
    const { flag } = PORTS[name as PortName];
    if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(flag, "a port from 1 to 65535", port);
    const other = seen.get(port);
    if (other !== undefined) refuse(flag, `another port than that of ${other}`, port);
    seen.set(port, flag);
  }
}

/** What `asked` would change, in words. */
export function changedSettings(held: Settings, asked: Settings): string[] {
  const flat = ({ ports, ...others }: Settings): Record<string, unknown> => ({
    ...others,
    ...Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [`port of ${PORTS[name as PortName].what}`, port]),
    ),
  });
  const before = flat(held);
  return Object.entries(flat(asked))
    .filter(([name, value]) => before[name] !== value)
    .map(([name, value]) => `${name} is ${before[name] ?? "not set"} and not ${value}`);
}

/** Settings of the last `up` on this directory. */
export function readSettings(dataDir: string): Settings | undefined {
  return readJson(pathsOf(canonical(dataDir)).settings) as Settings | undefined;
}

/** @throws Fault `stack_not_running` when nothing was ever set up here */
export function loadSettings(dataDir: string): Settings {
  const settings = readSettings(dataDir);
  if (settings === undefined) throw stackFaults.not_running({ dataDir: canonical(dataDir) });
  return settings;
}

export function keepSettings(settings: Settings): void {
  mkdirSync(settings.dataDir, { recursive: true });
  writeJson(pathsOf(settings.dataDir).settings, settings);
}
