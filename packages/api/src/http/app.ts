/** The REST surface: routing, CORS, authentication, validation, handlers, errors. Knows no operation by name. */
import { requestFaults } from "@sandlot/domain";
import { toHttp } from "@sandlot/faults/wire";
import type { Logger } from "@sandlot/telemetry";
import { Hono } from "hono";
import { cors } from "hono/cors";
import type { Authenticator } from "../auth/authenticate";
import { apiFaults } from "../faults";
import { type OperationSpec, readOperations } from "./document";
import type { AnyAnswer, AnyHandler, CallingClient, Handlers } from "./handlers";
import { readBody } from "./read-body";
import { compileValidators, type Validator } from "./validate";

const CORS = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
  allowHeaders: [
    ...["Origin", "Content-Length", "Content-Type", "User-Agent", "Authorization", "X-API-Key", "X-Team-ID"],
    ...["browser", "lang", "lang_version", "machine", "os", "package_version", "processor", "publisher", "release"],
    ...["sdk_runtime", "system"],
  ],
  exposeHeaders: [
    ...["X-Next-Token", "X-Total-Running", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"],
  ],
});

/** The JSON answer of anything thrown; 429 and 503 say when to come back. Bugs are logged whole here, and only here. */
function refuse(thrown: unknown, logger: Logger, fields: Record<string, unknown>): Response {
  const { status, body } = toHttp(thrown);
  if (status === 500) logger.error("request failed", { ...fields, thrown });
  else if (status > 500) logger.warn("request refused", { ...fields, code: body.error_code, thrown });
  const headers = status === 429 || status === 503 ? { "Retry-After": "1" } : undefined;
  return Response.json(body, { status, ...(headers && { headers }) });
}

function render({ status, headers, body, text }: AnyAnswer): Response {
  const init = { status, ...(headers && { headers }) };
  if (text !== undefined) {
    return new Response(text, { ...init, headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" } });
  }
  return body === undefined ? new Response(null, init) : Response.json(body, init);
}

export type AppParts = {
  readonly handlers: Handlers;
  readonly authenticate: Authenticator;
  /** PUT below this path, which is no part of the contract: links lead there that the contract hands out. */
  readonly uploads: { readonly path: string; readonly receive: (request: Request) => Promise<void> };
  readonly logger: Logger;
};

export function buildApp(of: AppParts): Hono {
  const operations = readOperations();
  const validators = compileValidators(operations);
  const app = new Hono();
  app.use(CORS);
  app.onError((thrown, c) => refuse(thrown, of.logger, { method: c.req.method, path: c.req.path }));
  app.notFound((c) => refuse(apiFaults.no_route({ method: c.req.method, path: c.req.path }), of.logger, {}));
  addLegacyRoutes(app);
  app.put(`${of.uploads.path}/*`, (c) =>
    of.uploads
      .receive(c.req.raw)
      .then(() => new Response(null, { status: 200 }))
      .catch((thrown) => refuse(thrown, of.logger, { operation: "upload" })),
  );
  for (const operation of operations) {
    const validate = validators.get(operation.id);
    const handler = (of.handlers as Record<string, unknown>)[operation.id] as AnyHandler | undefined;
    if (validate === undefined || (handler === undefined && !operation.isPlanned)) {
      throw new Error(`operation ${operation.id} has no handler`);
    }
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(operation.method, path, (c) => {
      const answering = answer({ request: c.req.raw, path: c.req.param(), operation, validate, handler, ...of });
      return answering.catch((thrown) => refuse(thrown, of.logger, { operation: operation.id }));
    });
  }
  return app;
}

async function answer(of: {
  request: Request;
  path: Record<string, string>;
  operation: OperationSpec;
  validate: Validator;
  handler: AnyHandler | undefined;
  authenticate: Authenticator;
}): Promise<Response> {
  const { request, path, operation, validate, handler } = of;
  const query = new URL(request.url).searchParams;
  const { team, user } = await of.authenticate(operation, { headers: request.headers, query });
  if (handler === undefined)
    throw requestFaults.not_supported({ what: `${operation.id} (${operation.method} ${operation.path})` });
  const body = operation.body === undefined ? new Uint8Array() : await readBody(request);
  const checked = validate({ path, query, contentType: request.headers.get("content-type"), body });
  // The handler gets no request signal on purpose: a caller that hangs up must not undo half of a change.
  return render(await handler({ ...checked, team, user, client: clientOf(request) }));
}

/** A proxy in front says by its header that callers reach it by TLS. */
function clientOf({ headers, url }: Request): CallingClient {
  const { protocol, host } = new URL(url);
  const scheme = headers.get("x-forwarded-proto") === "https" ? "https:" : protocol;
  return { userAgent: headers.get("user-agent") ?? "", origin: `${scheme}//${headers.get("host") ?? host}` };
}

/** Paths of clients long gone: they are told to update. */
function addLegacyRoutes(app: Hono): void {
  for (const path of ["/instances", "/instances/*", "/envs", "/envs/*"]) {
    app.all(path, () => {
      throw apiFaults.legacy_route({});
    });
  }
  app.post("/templates", async (c, next) => {
    if (c.req.header("content-type")?.startsWith("multipart/")) throw apiFaults.legacy_upload({});
    await next();
  });
}
