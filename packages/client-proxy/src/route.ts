import { isFault } from "@sandlot/faults";
import {
  type Answer,
  cleanPath,
  type Decision,
  ENVD_PORT,
  type Forward,
  isInternalRoute,
  type ProxyRequest,
  parseTarget,
  plainAnswer,
  type Refusal,
  readLink,
  refusals,
  renderRefusal,
  type SandboxTarget,
} from "@sandlot/proxy";
import type { CatalogStore } from "@sandlot/state";
import type { ResumeAsk, ResumeOutcome } from "./resume";
import { readSignedUrl, type SignerFinder } from "./signed-url";

export type RouteParts = {
  readonly catalog: Pick<CatalogStore, "read">;
  readonly resume: (ask: ResumeAsk) => Promise<ResumeOutcome>;
  readonly orchestratorProxyPort: number;
  /** Undefined: file URLs that name no sandbox are refused. */
  readonly findSigner?: SignerFinder | undefined;
};

/**
 * Where a request goes: to the node of its sandbox, after waking it if need be. Source: behaviour.md §3.2.
 * @param isSecure it came inside TLS
 */
export async function route(parts: RouteParts, request: ProxyRequest, isSecure: boolean): Promise<Decision> {
  const found = parseTarget(request.host, request.headers);
  const target = typeof found === "string" ? await findSigned(parts, request, found) : found;
  if ("kind" in target) return target;
  const { sandboxId, port } = target;
  const refuse = (refusal: Refusal): Decision => answer(renderRefusal(refusal, request.headers));
  // The node would refuse it too, but only after it had been woken.
  if (port === ENVD_PORT && isInternalRoute(request.target)) {
    return refuse(refusals.internalRoute(cleanPath(request.target)));
  }
  try {
    const known = await parts.catalog.read(sandboxId);
    if (known !== undefined) return forward({ parts, request, target, isSecure, nodeIp: known.orchestratorIp });
    const outcome = await parts.resume(askOf(request, target));
    switch (outcome.kind) {
      case "running":
        return forward({ parts, request, target, isSecure, nodeIp: outcome.nodeIp });
      case "not_found":
        return refuse(refusals.notFound(sandboxId));
      case "denied":
        return refuse(refusals.resumeDenied(sandboxId));
      case "transitioning":
        return refuse(refusals.stillTransitioning(sandboxId));
      case "limited":
        return refuse(refusals.teamLimit(sandboxId, outcome.message));
      case "api_unreachable":
        return answer(UNROUTABLE);
    }
  } catch (thrown) {
    // Not the 502 of a sandbox that is gone: clients would give up a sandbox that lives.
    if (isFault(thrown, "state_unavailable") || isFault(thrown, "client_proxy_overloaded")) return answer(UNROUTABLE);
    throw thrown;
  }
}

/** A signed file URL that came without a name, as it does when clients know one URL for all sandboxes. */
async function findSigned(
  parts: RouteParts,
  request: ProxyRequest,
  problem: string,
): Promise<SandboxTarget | Extract<Decision, { kind: "answer" }>> {
  const url = parts.findSigner === undefined ? undefined : readSignedUrl(request);
  const sandboxId = url && (await parts.findSigner?.(url));
  if (sandboxId === "too_often") return { kind: "answer", answer: TOO_OFTEN };
  if (sandboxId === undefined || sandboxId === "unknown") return { kind: "answer", answer: plainAnswer(400, problem) };
  return { sandboxId, port: ENVD_PORT, by: "headers" };
}

const TOO_OFTEN: Answer = {
  ...plainAnswer(429, "Too many file URLs without a sandbox's name"),
  headers: [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Retry-After", "1"],
  ],
};
const UNROUTABLE: Answer = plainAnswer(503, "Sandbox routing is not available at the moment");
const UNREACHABLE: Answer = plainAnswer(502, "Failed to route request to sandbox");

function answer(of: Answer): Decision {
  return { kind: "answer", answer: of };
}

function askOf(request: ProxyRequest, target: SandboxTarget): ResumeAsk {
  return {
    sandboxId: target.sandboxId,
    port: target.port,
    trafficToken: request.headers.get("e2b-traffic-access-token"),
    linkToken: readLink(request.target, request.headers)?.token,
    envdToken: request.headers.get("X-Access-Token"),
    authorization: request.headers.get("Authorization"),
  };
}

type Way = {
  readonly parts: RouteParts;
  readonly request: ProxyRequest;
  readonly target: SandboxTarget;
  readonly isSecure: boolean;
  readonly nodeIp: string;
};

function forward(of: Way): Decision {
  return {
    kind: "forward",
    address: of.nodeIp,
    port: of.parts.orchestratorProxyPort,
    key: of.target.sandboxId,
    keepAlive: true,
    ...changesOf(of),
    onFailure: () => UNREACHABLE,
  };
}

/** What of a request the node is shown otherwise. */
function changesOf({ request, target, isSecure }: Way): Pick<Forward, "host" | "setHeaders"> {
  const { host, setHeaders = [] } = addressOf(request, target);
  // A browser that follows a link inside TLS is given a cookie that stays there.
  const mayBeLink = isSecure && request.target.includes("?");
  const isLink = mayBeLink && readLink(request.target, request.headers)?.from === "query";
  const all = isLink ? [...setHeaders, ["X-Forwarded-Proto", "https"] as const] : setHeaders;
  return { host, setHeaders: all.length === 0 ? undefined : all };
}

/** Addressed as `sandbox.<domain>` the guest is shown the name that is its own. Source: behaviour.md §3.1. */
function addressOf({ host, headers }: ProxyRequest, target: SandboxTarget): Pick<Forward, "host" | "setHeaders"> {
  if (target.by === "name") return {};
  if (/^sandbox\../i.test(host)) {
    return {
      host: `${target.port}-${target.sandboxId}.${host.slice("sandbox.".length)}`,
      setHeaders: [["X-Forwarded-Host", host]] as const,
    };
  }
  if (headers.get("E2b-Sandbox-Id") !== undefined) return {};
  // A file URL whose sandbox was found by its signature: the node is told.
  return {
    setHeaders: [
      ["E2b-Sandbox-Id", target.sandboxId],
      ["E2b-Sandbox-Port", String(target.port)],
    ] as const,
  };
}
