/** Decides about one request: a token, an answer of our own, or the registry behind (behaviour §5.1). */
import type { Queries } from "@sandlot/db";
import type { Logger } from "@sandlot/telemetry";
import { challenge, known, refusal } from "./answers";
import { assertWaiting, parseBasic, teamsOf } from "./caller";
import type { DockerReverseProxyConfig } from "./config";
import { pushFaults } from "./faults";
import { REALM_PATH, TOKEN_SAID_SECONDS } from "./limits";
import { parsePath, parseScope } from "./paths";
import type { Tokens } from "./tokens";
import { authorizeUpstream, passOn } from "./upstream";

export type ServeParts = {
  readonly config: DockerReverseProxyConfig;
  readonly db: Queries;
  readonly tokens: Tokens;
  readonly logger: Logger;
};

/** Google's registry continues uploads at addresses of its own, which are secrets in themselves. */
const UPLOADS = /^\/artifacts-uploads\/namespaces\/[\w.-]+\/repositories\/[\w.-]+\/uploads\/[\w.=-]+$/;

export async function serve(parts: ServeParts, request: Request): Promise<Response> {
  try {
    return await answer(parts, request);
  } catch (thrown) {
    const refused = refusal(thrown);
    if (refused !== undefined) return refused;
    if (request.signal.aborted) return new Response(null, { status: 499 });
    parts.logger.error("a request failed", { thrown });
    return Response.json({ errors: [{ code: "UNKNOWN", message: "internal error" }] }, { status: 500 });
  }
}

async function answer(parts: ServeParts, request: Request): Promise<Response> {
  const { config, tokens } = parts;
  const { pathname } = new URL(request.url);
  if (pathname === "/health") return new Response("ok");
  if (UPLOADS.test(pathname) && request.method === "PATCH") {
    return await passOn(request, { config, path: pathname, authorization: undefined });
  }
  // A client that is told 404 for POST asks with GET, where its password is in a header.
  if (pathname === REALM_PATH) return request.method === "GET" ? await giveToken(parts, request) : notFound();
  if (!pathname.startsWith("/v2/") && pathname !== "/v2") return notFound();
  const token = /^Bearer\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const grant = token === undefined ? undefined : tokens.read(token);
  if (grant === undefined) return challenge(config.publicUrl, request);
  if (pathname === "/v2/" || pathname === "/v2") return known();
  if (UPLOADS.test(pathname)) return await passOn(request, { config, path: pathname, authorization: grant.upstream });
  const path = parsePath(pathname);
  if (path === undefined || path.templateId !== grant.templateId) throw pushFaults.not_yours({});
  if (request.method === "DELETE" && !path.rest.startsWith("blobs/uploads/")) throw pushFaults.no_deleting({});
  const behind = `/v2/${config.repositoryPrefix}/${path.templateId}/${path.rest}`;
  return await passOn(request, { config, path: behind, authorization: grant.upstream });
}

/** GET /v2/token — for nothing but to be known, or for one template's repository. */
async function giveToken({ config, db, logger, tokens }: ServeParts, request: Request): Promise<Response> {
  const { password } = parseBasic(request.headers.get("authorization"));
  const teamIds = await teamsOf(db, password);
  const scopes = new URL(request.url).searchParams.getAll("scope");
  const [scope] = scopes;
  if (scope === undefined) return given(tokens.give({ templateId: undefined, upstream: undefined }));
  const parsed = scopes.length === 1 ? parseScope(scope) : undefined;
  if (parsed === undefined) throw pushFaults.bad_scope({ scope: scopes.join(" ").slice(0, 200) });
  if (parsed.actions.some((action) => action.includes("delete") || action === "*")) throw pushFaults.no_deleting({});
  const { templateId } = parsed;
  await assertWaiting(db, { teamIds, templateId });
  const upstream = await authorizeUpstream(config, `${config.repositoryPrefix}/${templateId}`);
  logger.info("a push begins", { templateId });
  return given(tokens.give({ templateId, upstream }));
}

function given(token: string): Response {
  return Response.json({ token, expires_in: TOKEN_SAID_SECONDS });
}

function notFound(): Response {
  return new Response("not found", { status: 404 });
}
