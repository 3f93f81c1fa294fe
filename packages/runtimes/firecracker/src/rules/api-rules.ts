/**
 * Firecracker's API as data: which request exists, when it is allowed, what it may hold. Our own description of the
 * rules published with 1.10, with what later versions added; every request of ours is held against it before it is sent.
 */
import * as bodies from "./bodies";
import { isObject, type Shape, type Version, wrongsOf } from "./shape";

export const DESCRIBED_VERSION: Version = [1, 10];
/** Older ones show no virtio devices by ACPI, without which Debian's kernel finds none. */
export const OLDEST_VERSION: Version = [1, 8];

/** The longest body the server reads unless it was started with another limit, in bytes. */
const LARGEST_BODY_BYTES = 51_200;

export type Method = "GET" | "PUT" | "PATCH";
export type Phase = "not-started" | "running" | "paused";

export type ApiRule = {
  readonly method: Method;
  /** `{id}` stands for one segment, which the body repeats in the field `names`. */
  readonly path: string;
  readonly names?: "drive_id" | "iface_id";
  readonly phases: readonly Phase[];
  readonly body?: Shape;
  /** The body may be any object. */
  readonly anyBody?: true;
  /** Sets up a machine of its own: after it no snapshot can be loaded into this process. */
  readonly configures?: true;
};

const ANY: readonly Phase[] = ["not-started", "running", "paused"];
const BEFORE: readonly Phase[] = ["not-started"];
const AFTER: readonly Phase[] = ["running", "paused"];
const PAUSED: readonly Phase[] = ["paused"];

const set = (path: string, body: Shape, more: Partial<ApiRule> = {}): ApiRule => {
  return { method: "PUT", path, body, phases: BEFORE, configures: true, ...more };
};
const change = (path: string, body: Shape, more: Partial<ApiRule> = {}): ApiRule => {
  return { method: "PATCH", path, body, phases: AFTER, ...more };
};
const read = (path: string, phases = ANY): ApiRule => ({ method: "GET", path, phases });

export const API_RULES: readonly ApiRule[] = [
  read("/"),
  read("/version"),
  read("/vm/config"),
  read("/machine-config"),
  read("/balloon", AFTER),
  read("/balloon/statistics", AFTER),
  read("/mmds"),
  set("/machine-config", bodies.MACHINE_CONFIG),
  set("/boot-source", bodies.BOOT_SOURCE),
  set("/drives/{id}", bodies.DRIVE, { names: "drive_id" }),
  set("/network-interfaces/{id}", bodies.NETWORK_INTERFACE, { names: "iface_id" }),
  set("/balloon", bodies.BALLOON),
  set("/entropy", bodies.ENTROPY),
  set("/vsock", bodies.VSOCK),
  set("/mmds/config", bodies.MMDS_CONFIG),
  { method: "PUT", path: "/logger", phases: BEFORE, body: bodies.LOGGER },
  { method: "PUT", path: "/metrics", phases: BEFORE, body: bodies.METRICS },
  { method: "PUT", path: "/mmds", phases: ANY, anyBody: true },
  { method: "PATCH", path: "/mmds", phases: ANY, anyBody: true },
  { method: "PUT", path: "/actions", phases: ANY, body: bodies.ACTION },
  { method: "PUT", path: "/snapshot/load", phases: BEFORE, body: bodies.SNAPSHOT_LOAD },
  { method: "PUT", path: "/snapshot/create", phases: PAUSED, body: bodies.SNAPSHOT_CREATE },
  change("/vm", bodies.VM_STATE),
  change("/drives/{id}", bodies.DRIVE_CHANGE, { names: "drive_id" }),
  change("/network-interfaces/{id}", bodies.NETWORK_INTERFACE_CHANGE, { names: "iface_id" }),
  change("/balloon", bodies.BALLOON_CHANGE),
  change("/balloon/statistics", bodies.BALLOON_STATISTICS_CHANGE),
];

/** In which phases an action of `/actions` makes sense. */
const ACTION_PHASES: Readonly<Record<string, readonly Phase[]>> = {
  InstanceStart: BEFORE,
  FlushMetrics: AFTER,
  SendCtrlAltDel: AFTER,
};

export type ApiRequest = { readonly method: Method; readonly path: string; readonly body?: unknown };

export function ruleOf(request: ApiRequest): ApiRule | undefined {
  return API_RULES.find((rule) => rule.method === request.method && idIn(rule.path, request.path) !== undefined);
}

/** Pure. @returns what is wrong with sending this now, nothing when the published rules allow it */
export function wrongsOfRequest(request: ApiRequest, now: { phase: Phase; version: Version }): string[] {
  const rule = ruleOf(request);
  if (rule === undefined) return [`${request.method} ${request.path} does not exist`];
  if (!rule.phases.includes(now.phase))
    return [`${request.method} ${request.path} is not allowed while the machine is ${now.phase}`];
  const hasBody = rule.body !== undefined || rule.anyBody === true;
  if (!hasBody) return request.body === undefined ? [] : ["this request has no body"];
  const sizeBytes = Buffer.byteLength(JSON.stringify(request.body ?? null));
  if (sizeBytes > LARGEST_BODY_BYTES) return [`the body has ${sizeBytes} bytes, ${LARGEST_BODY_BYTES} are allowed`];
  if (rule.body === undefined) return isObject(request.body) ? [] : ["body must be an object"];
  return [...wrongsOf(rule.body, request.body, now.version), ...wrongsBetweenFields(rule, request, now.phase)];
}

function wrongsBetweenFields(rule: ApiRule, request: ApiRequest, phase: Phase): string[] {
  const body = (request.body ?? {}) as Record<string, unknown>;
  const wrongs: string[] = [];
  if (rule.names !== undefined && body[rule.names] !== idIn(rule.path, request.path))
    wrongs.push(`body.${rule.names} must be the one in the path`);
  if (
    rule.path === "/machine-config" &&
    body.smt === true &&
    Number(body.vcpu_count) > 1 &&
    Number(body.vcpu_count) % 2 === 1
  )
    wrongs.push("body.vcpu_count must be 1 or even with smt");
  const action = rule.path === "/actions" ? ACTION_PHASES[String(body.action_type)] : undefined;
  if (action !== undefined && !action.includes(phase))
    wrongs.push(`action ${body.action_type} is not allowed while the machine is ${phase}`);
  return wrongs;
}

/** The segment in the place of `{id}`, an empty one when the path has none; undefined when it is another path. */
function idIn(pattern: string, path: string): string | undefined {
  if (!pattern.endsWith("/{id}")) return pattern === path ? "" : undefined;
  const start = pattern.slice(0, -"{id}".length);
  const rest = path.startsWith(start) ? path.slice(start.length) : "";
  return rest !== "" && !rest.includes("/") ? rest : undefined;
}
