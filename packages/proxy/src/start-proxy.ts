import type { Logger } from "@sandlot/telemetry";
import { Front } from "./front";
import { limits, type ProxyLimits } from "./limits";
import type { Decision, ProxyRequest } from "./proxy-request";
import type { TlsParts } from "./tls/listen-tls";

export type ProxyConfig = {
  readonly listenHost: string;
  /** 0: any free one. */
  readonly listenPort: number;
};

export type ProxyParts = {
  /** Runs once per request, before anything is sent anywhere. What it throws is logged and answered 500. */
  readonly decide: (request: ProxyRequest) => Decision | Promise<Decision>;
  readonly logger: Logger;
  readonly limits?: Partial<ProxyLimits> | undefined;
};

/** A listening proxy. Disposing of it cuts what is open; `drain` first for a gentle end. */
export type SandboxProxy = AsyncDisposable & {
  readonly port: number;
  /** Requests and tunnels open under the key. */
  connectionCount(key: string): number;
  /** Resets every request and tunnel of the key at once, on both sides. @returns how many */
  cut(key: string): number;
  /** Takes no new connections, ends kept ones, and waits until the last request has been answered. */
  drain(signal?: AbortSignal): Promise<void>;
};

/** Starts an HTTP/1.1 reverse proxy on raw sockets: bodies and tunnels stream both ways under back-pressure. */
export function startProxy(config: ProxyConfig, parts: ProxyParts): SandboxProxy {
  const front = new Front(config, { ...parts, limits: { ...limits, ...parts.limits } });
  front.listen();
  return front;
}

/** The same behind TLS, for clients of HTTP/2 and HTTP/1.1. */
export async function startTlsProxy(
  config: ProxyConfig,
  parts: ProxyParts & { readonly tls: TlsParts },
): Promise<SandboxProxy> {
  const front = new Front(config, { ...parts, limits: { ...limits, ...parts.limits } });
  await front.listenTls(parts.tls);
  return front;
}
