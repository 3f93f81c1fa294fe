/** The one HTTP door: REST routes and Connect services (Connect JSON and binary, gRPC-Web) behind one token check. */
import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import {
  type UniversalHandler,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { isFault } from "@sandlot/faults";
import { toConnect, toHttp } from "@sandlot/faults/wire";
import { hasAccess } from "./auth";
import { withCors } from "./cors";
import type { Envd } from "./envd";
import { faults } from "./faults";

export type RouteContext = { readonly url: URL; readonly query: URLSearchParams };

/** One REST operation. What it throws is answered from the fault table. */
export type Route = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Answers callers without the access token, because it checks for itself or has nothing to hide. */
  readonly isOpen: boolean;
  handler(request: Request, ctx: RouteContext): Response | Promise<Response>;
};

export type EnvdParts = {
  readonly routes: readonly Route[];
  /** Each registers its Connect service on the router. */
  readonly services: readonly ((router: ConnectRouter, envd: Envd) => void)[];
};

export type Answer = (request: Request) => Promise<Response>;

/** The whole of envd as a function from request to response; needs no socket. */
export function answerer(envd: Envd, parts: EnvdParts): Answer {
  const routes = new Map(parts.routes.map((route) => [`${route.method} ${route.path}`, route]));
  const rpcs = rpcHandlers(envd, parts);
  return async (request) => {
    if (request.method === "OPTIONS" && request.headers.has("access-control-request-method"))
      return withCors(new Response(null, { status: 204 }), request);
    const url = new URL(request.url);
    const response = await answer({ envd, routes, rpcs, request, url }).catch((thrown) => failure(thrown, envd));
    return withCors(response, request);
  };
}

async function answer(of: {
  envd: Envd;
  routes: ReadonlyMap<string, Route>;
  rpcs: ReadonlyMap<string, UniversalHandler>;
  request: Request;
  url: URL;
}): Promise<Response> {
  const { envd, request, url } = of;
  const route =
    of.routes.get(`${request.method} ${url.pathname}`) ??
    (request.method === "HEAD" ? of.routes.get(`GET ${url.pathname}`) : undefined);
  if (route?.isOpen !== true && !hasAccess(request.headers, envd)) throw faults.unauthorized({});
  if (route !== undefined) return route.handler(request, { url, query: url.searchParams });
  const rpc = of.rpcs.get(url.pathname);
  if (rpc === undefined) throw faults.route_missing({ route: `${request.method} ${url.pathname}` });
  if (!rpc.allowedMethods.includes(request.method))
    return new Response(null, { status: 405, headers: { allow: rpc.allowedMethods.join(", ") } });
  return universalServerResponseToFetch(await rpc(universalServerRequestFromFetch(request, {})));
}

function rpcHandlers(envd: Envd, parts: EnvdParts): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    interceptors: [
      (next) => async (request) => {
        try {
          return await next(request);
        } catch (thrown) {
          if (!isFault(thrown) && !(thrown instanceof Error && thrown.name === "ConnectError")) {
            envd.log.error("rpc failed", { thrown, method: request.method.name });
          }
          throw toConnect(thrown);
        }
      },
    ],
  });
  for (const register of parts.services) register(router, envd);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function failure(thrown: unknown, envd: Envd): Response {
  if (!isFault(thrown)) envd.log.error("request failed", { thrown });
  const { status, body } = toHttp(thrown);
  return Response.json({ code: body.code, message: body.message }, { status });
}
