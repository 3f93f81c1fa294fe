/** The one HTTP door: REST routes and Connect services behind one token check. */
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { isFault } from "@sandlot/faults";
import { toHttp } from "@sandlot/faults/wire";
import { hasAccess } from "./auth";
import { isPreflight, withCors } from "./cors";
import type { Envd } from "./envd";
import { faults } from "./faults";
import { answerRpc, type RpcService, rpcHandlers } from "./rpc";

export type RouteContext = { readonly url: URL; readonly query: URLSearchParams };

/** One REST operation. What it throws is answered from the fault table. */
export type Route = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Answers callers without the access token, because it checks for itself or has nothing to hide. */
  readonly isOpen: boolean;
  handler(request: Request, ctx: RouteContext): Response | Promise<Response>;
};

export type EnvdParts = { readonly routes: readonly Route[]; readonly services: readonly RpcService[] };

export type Answer = (request: Request) => Promise<Response>;

/** The whole of envd as a function from request to response; needs no socket. */
export function answerer(envd: Envd, parts: EnvdParts): Answer {
  const routes = new Map(parts.routes.map((route) => [`${route.method} ${route.path}`, route]));
  const rpcs = rpcHandlers(envd, parts.services);
  return async (request) => {
    if (isPreflight(request)) return withCors(new Response(null, { status: 204 }), request);
    try {
      return withCors(await dispatch({ envd, routes, rpcs, request }), request);
    } catch (thrown) {
      // Nobody hears what is answered to a caller that has left, and that it left is no fault of ours.
      if (!isFault(thrown) && !request.signal.aborted) envd.log.error("request failed", { thrown });
      return withCors(failure(thrown), request);
    }
  };
}

async function dispatch(of: {
  envd: Envd;
  routes: ReadonlyMap<string, Route>;
  rpcs: ReadonlyMap<string, UniversalHandler>;
  request: Request;
}): Promise<Response> {
  const { envd, request } = of;
  const url = new URL(request.url);
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = of.routes.get(`${method} ${url.pathname}`);
  if (route?.isOpen !== true && !hasAccess(request.headers, envd)) throw faults.unauthorized({});
  if (route !== undefined) return route.handler(request, { url, query: url.searchParams });
  const rpc = of.rpcs.get(url.pathname);
  if (rpc === undefined) throw faults.route_missing({ route: `${request.method} ${url.pathname}` });
  return answerRpc(rpc, request);
}

function failure(thrown: unknown): Response {
  const { status, body } = toHttp(thrown);
  return Response.json({ code: body.code, message: body.message }, { status });
}
