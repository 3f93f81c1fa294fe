import { systemClock } from "@sandlot/lifetime";
import { type HttpChallenges, namesFaults, openCertificates } from "@sandlot/names";
import { type Decision, type ProxyRequest, plainAnswer, type SandboxProxy, startTlsProxy } from "@sandlot/proxy";
import type { Logger } from "@sandlot/telemetry";
import type { EdgeConfig } from "./config";

export type Edge = AsyncDisposable & { readonly proxy: SandboxProxy; readonly acmeHttpPort: number | undefined };

/** TLS for clients, with certificates that look after themselves. Disposing of it cuts what is open. */
export async function startEdge(
  config: EdgeConfig & { listenHost: string; domain: string },
  parts: { logger: Logger; route: (request: ProxyRequest) => Promise<Decision> },
): Promise<Edge> {
  const { logger } = parts;
  await using held = new AsyncDisposableStack();
  const certificates = held.use(await openCertificates(config.certificates, { clock: systemClock, logger }));
  const proxy = held.use(
    await startTlsProxy(
      { listenHost: config.listenHost, listenPort: config.port },
      {
        logger,
        decide: (request) => routeAtEdge(config, request) ?? parts.route(request),
        tls: certificates,
      },
    ),
  );
  const { acmeHttpPort } = config;
  if (acmeHttpPort !== undefined) {
    held.use(startAcmeHttp({ listenHost: config.listenHost, port: acmeHttpPort, challenges: certificates.challenges }));
  }
  const whole = held.move();
  return { proxy, acmeHttpPort, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** `api.<domain>` and `docker.<domain>`; undefined for every other name. */
export function routeAtEdge(
  config: Pick<EdgeConfig, "services"> & { domain: string },
  request: Pick<ProxyRequest, "host">,
): Decision | undefined {
  const name = request.host.replace(/:\d+$/, "").toLowerCase();
  const dot = name.indexOf(".");
  const label = name.slice(0, Math.max(dot, 0));
  const place = name.slice(dot + 1) === config.domain.toLowerCase() ? config.services.get(label) : undefined;
  if (place === undefined) return undefined;
  return {
    kind: "forward",
    ...place,
    key: `service ${label}`,
    keepAlive: true,
    setHeaders: [["X-Forwarded-Proto", "https"]],
    onFailure: () => plainAnswer(502, `${label} does not answer`),
  };
}

/** The authority asks on port 80; people who come there are sent on. */
function startAcmeHttp(of: { listenHost: string; port: number; challenges: HttpChallenges }): AsyncDisposable {
  const { listenHost, port, challenges } = of;
  const PATH = "/.well-known/acme-challenge/";
  try {
    const server = Bun.serve({
      hostname: listenHost,
      port,
      fetch(request) {
        const { pathname, hostname, search } = new URL(request.url);
        const answer = pathname.startsWith(PATH) ? challenges.answer(pathname.slice(PATH.length)) : undefined;
        if (answer !== undefined) return new Response(answer, { headers: { "Content-Type": "text/plain" } });
        if (pathname.startsWith(PATH)) return new Response("no such challenge", { status: 404 });
        return Response.redirect(`https://${hostname}${pathname}${search}`, 308);
      },
    });
    return { [Symbol.asyncDispose]: () => server.stop(true) };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw namesFaults.port_taken({ what: "the ACME listener", address: `${listenHost}:${port}`, why }, thrown);
  }
}
