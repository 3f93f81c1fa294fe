import {
  type Answer,
  cleanPath,
  type Decision,
  ENVD_PORT,
  type ForwardFailure,
  isInternalRoute,
  type ProxyRequest,
  parseTarget,
  plainAnswer,
  type Refusal,
  refusals,
  renderRefusal,
} from "@sandlot/proxy";

import type { LiveSandbox } from "../sandboxes/entries";

import { enter, FREE_ENTRY, isSame } from "./entry";

export type DecideParts = {
  /** As `find`; waits for a pause under way, so that what comes meanwhile is either served or told that it is gone. */
  readonly reach: (sandboxId: string) => Promise<LiveSandbox | undefined>;
  /** Undefined for whatever is not running on this node. */
  readonly find: (sandboxId: string) => LiveSandbox | undefined;
  readonly nowMs: () => number;
  /** Requests and tunnels open at once; -1: any number. */
  readonly connectionsPerSandbox: number;
  /** For `GET /health` without a sandbox in it. */
  readonly isHealthy: () => boolean;
};

/** Rests before the second to fifth dial of a port that refuses: a server on the guest's loopback is forwarded with a lag. */
const REDIAL_AFTER_MS = [100, 200, 300, 400];

/**
 * Where a request that reaches this node goes, or why nowhere. Source and order: behaviour.md §3.4. The address comes
 * from the node's own books, never from the request.
 */
export async function decide(parts: DecideParts, request: ProxyRequest): Promise<Decision> {
  const target = parseTarget(request.host, request.headers);
  if (typeof target === "string") return answer(isHealthCheck(request) ? health(parts) : plainAnswer(400, target));
  const { sandboxId, port } = target;
  const refuse = (refusal: Refusal): Decision => answer(renderRefusal(refusal, request.headers));
  if (port === ENVD_PORT && isInternalRoute(request.target))
    return refuse(refusals.internalRoute(cleanPath(request.target)));
  const sandbox = await parts.reach(sandboxId);
  if (sandbox === undefined) return refuse(refusals.notFound(sandboxId));
  const ingress = sandbox.record.config.network?.ingress;
  const trafficToken = port === ENVD_PORT || wantsTunnel(request) ? undefined : ingress?.trafficAccessToken;
  const entry = isSet(trafficToken)
    ? enter({ request, target: { sandboxId, port, trafficToken }, nowMs: parts.nowMs() })
    : FREE_ENTRY;
  if (entry.kind === "refused") return refuse(entry.refusal);
  if (entry.kind === "redirect") return answer(entry.answer);
  // An envd that was just restarted has no token yet and would serve anyone: its traffic waits until it has.
  if (port === ENVD_PORT && !sandbox.lifeline.isUp) {
    const isBack = await sandbox.lifeline.ready();
    if (parts.find(sandboxId) !== sandbox) return refuse(refusals.notFound(sandboxId));
    if (!isBack) return refuse(refusals.portClosed(sandboxId, port));
  }
  if (wantsTunnel(request)) {
    // Past the proxy's own eyes envd's internal routes would be open.
    if (port === ENVD_PORT) return refuse(refusals.internalRoute(cleanPath(request.target)));
    // As good as entering the sandbox, so it takes what entering takes; a traffic token is less.
    const token = sandbox.record.config.envdAccessToken;
    const isOpen = isSet(token)
      ? isSame(request.headers.get("X-Access-Token") ?? "", token)
      : !isSet(ingress?.trafficAccessToken);
    if (!isOpen) return answer(TUNNEL_REFUSED);
  }
  const mask = port === ENVD_PORT ? undefined : ingress?.maskRequestHost;
  return {
    kind: "forward",
    ...entry.forward,
    tunnel: wantsTunnel(request) ? TUNNEL : undefined,
    address: sandbox.guest.machine.address,
    port,
    key: sandbox.guest.machineId,
    keepAlive: false,
    // Not for envd: a later dial could meet a restarted one that is not ours again yet. Its lifeline does the waiting.
    redialAfterMs: port === ENVD_PORT ? [] : REDIAL_AFTER_MS,
    ...(isSet(mask)
      ? {
          host: mask.replaceAll("${PORT}", String(port)),
          setHeaders: [...(entry.forward.setHeaders ?? []), ["X-Forwarded-Host", request.host]] as const,
        }
      : {}),
    ...(parts.connectionsPerSandbox >= 0 && {
      connectionLimit: {
        count: parts.connectionsPerSandbox,
        answer: () =>
          renderRefusal(refusals.tooManyConnections(sandboxId, parts.connectionsPerSandbox), request.headers),
      },
    }),
    onFailure: (failure) => onFailure({ parts, sandbox, port, failure, request }),
  };
}

/** A sandbox that was killed while the request was on its way is gone; otherwise its port is closed. */
function onFailure(of: {
  parts: DecideParts;
  sandbox: LiveSandbox;
  port: number;
  failure: ForwardFailure;
  request: ProxyRequest;
}): Answer {
  const { sandboxId } = of.sandbox.record;
  const isThere = of.parts.find(sandboxId) === of.sandbox;
  return renderRefusal(
    isThere ? refusals.portClosed(sandboxId, of.port) : refusals.notFound(sandboxId),
    of.request.headers,
  );
}

/** A plain TCP connection to a port, as for SSH's forwarding. */
const TUNNEL = "sandlot-tcp";
const TUNNEL_REFUSED = plainAnswer(401, "a plain connection needs the sandbox's access token");

function wantsTunnel({ headers }: ProxyRequest): boolean {
  return headers.get("Upgrade") === TUNNEL && headers.tokens("Connection").includes("upgrade");
}

function isHealthCheck(request: ProxyRequest): boolean {
  return request.method === "GET" && request.target === "/health";
}

function health(parts: DecideParts): Answer {
  return parts.isHealthy() ? plainAnswer(200, "ok") : plainAnswer(503, "draining");
}

function answer(of: Answer): Decision {
  return { kind: "answer", answer: of };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
