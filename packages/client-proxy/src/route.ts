import { isFault } from "@sandlot/faults";
import {
  type Answer,
  cleanPath,
  type Decision,
  ENVD_PORT,
  isInternalRoute,
  type ProxyRequest,
  parseTarget,
  plainAnswer,
  type Refusal,
  refusals,
  renderRefusal,
  type SandboxTarget,
} from "@sandlot/proxy";
import type { CatalogStore } from "@sandlot/state";
import type { ResumeAsk, ResumeOutcome } from "./resume";

export type RouteParts = {
  readonly catalog: Pick<CatalogStore, "read">;
  readonly resume: (ask: ResumeAsk) => Promise<ResumeOutcome>;
  readonly orchestratorProxyPort: number;
};

/** Where a request goes: to the node of its sandbox, after waking it if need be. Source: behaviour.md §3.2. */
export async function route(parts: RouteParts, request: ProxyRequest): Promise<Decision> {
  const target = parseTarget(request.host, request.headers);
  if (typeof target === "string") return answer(plainAnswer(400, target));
  const { sandboxId, port } = target;
  const refuse = (refusal: Refusal): Decision => answer(renderRefusal(refusal, request.headers));
  // The node would refuse it too, but only after it had been woken.
  if (port === ENVD_PORT && isInternalRoute(request.target)) {
    return refuse(refusals.internalRoute(cleanPath(request.target)));
  }
  try {
    const known = await parts.catalog.read(sandboxId);
    if (known !== undefined) return forward({ parts, request, target, nodeIp: known.orchestratorIp });
    const outcome = await parts.resume(askOf(request, target));
    switch (outcome.kind) {
      case "running":
        return forward({ parts, request, target, nodeIp: outcome.nodeIp });
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
    envdToken: request.headers.get("X-Access-Token"),
    authorization: request.headers.get("Authorization"),
  };
}

function forward(of: { parts: RouteParts; request: ProxyRequest; target: SandboxTarget; nodeIp: string }): Decision {
  return {
    kind: "forward",
    address: of.nodeIp,
    port: of.parts.orchestratorProxyPort,
    key: of.target.sandboxId,
    keepAlive: true,
    ...hostOf(of.request.host, of.target),
    onFailure: () => UNREACHABLE,
  };
}

/** Addressed as `sandbox.<domain>` the guest is shown the name that is its own. Source: behaviour.md §3.1. */
function hostOf(host: string, target: SandboxTarget) {
  if (target.by === "name" || !/^sandbox\../i.test(host)) return {};
  return {
    host: `${target.port}-${target.sandboxId}.${host.slice("sandbox.".length)}`,
    setHeaders: [["X-Forwarded-Host", host]] as const,
  };
}
