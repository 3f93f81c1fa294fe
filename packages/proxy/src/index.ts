export { HeaderList } from "./http/headers";
export { cleanPath, ENVD_PORT, isInternalRoute } from "./internal-routes";
export { limits as proxyLimits, type ProxyLimits } from "./limits";
export type { Answer, Decision, Forward, ForwardFailure, ProxyRequest } from "./proxy-request";
export { type Refusal, refusals } from "./refusals/refusal";
export { plainAnswer, renderRefusal, wantsPage } from "./refusals/render";
export { type ProxyConfig, type SandboxProxy, startProxy, startTlsProxy } from "./start-proxy";
export { parseTarget, type SandboxTarget, type TargetProblem } from "./target";
export type { TlsParts } from "./tls/listen-tls";
