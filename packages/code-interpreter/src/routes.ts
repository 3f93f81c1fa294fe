/** The routes that the stock clients call. Errors are plain text, which is what those show. */
import { isFault } from "@sandlot/faults";
import type { Context } from "./contexts/context";
import type { Contexts } from "./contexts/contexts";
import { type Envs, readIdentity, readSandboxEnvs } from "./contexts/envs";
import { executionStream } from "./execute/stream";
import { faults } from "./faults";
import type { Log } from "./log";
import { statusOf } from "./status";

export type RouteParts = {
  readonly contexts: Contexts;
  readonly envdUrl: string;
  readonly isReady: () => boolean;
  readonly log: Log;
};

type Routed = Request & { readonly params: Readonly<Record<string, string>> };
type Handler = (request: Routed) => Promise<Response> | Response;

export function routes(parts: RouteParts): Record<string, Record<string, Handler>> {
  const { contexts } = parts;
  const guarded = (handler: Handler): Handler => guard(parts.log, handler);
  return {
    "/health": { GET: () => (parts.isReady() ? new Response("OK") : new Response("starting", { status: 503 })) },
    "/execute": { POST: guarded((request) => execute(parts, request)) },
    "/contexts": {
      GET: () => Response.json(contexts.list().map(describe)),
      POST: guarded((request) => createContext(contexts, request)),
    },
    "/contexts/:id": {
      DELETE: guarded(async ({ params }) => {
        await contexts.remove(params.id ?? "");
        return new Response("OK");
      }),
    },
    "/contexts/:id/restart": {
      POST: guarded(async ({ params }) => {
        await contexts.load(params.id ?? "").restart();
        return new Response("OK");
      }),
    },
  };
}

function describe({ id, language, cwd }: Context): { id: string; language: string; cwd: string } {
  return { id, language, cwd };
}

async function execute({ contexts, envdUrl, log }: RouteParts, request: Request): Promise<Response> {
  const body = await readBody(request);
  const code = readText(body, "code");
  if (code === undefined) throw faults.bad_request({ why: "code must be a text" });
  const id = readText(body, "context_id");
  const named = readText(body, "language");
  if (id !== undefined && named !== undefined) {
    throw faults.bad_request({ why: "Only one of context_id or language can be provided" });
  }
  const envs = readEnvs(body.env_vars);
  const sandboxEnvs = await readSandboxEnvs(envdUrl, request.headers.get("x-access-token") ?? undefined);
  const context = id === undefined ? contexts.defaultOf(contexts.parse(named ?? "python")) : contexts.load(id);
  const stream = executionStream({
    clientGone: request.signal,
    onBug: (thrown) => log("an execution failed", { thrown: thrown instanceof Error ? thrown.stack : String(thrown) }),
    work: (onLine, signal) => context.execute({ code, envs, sandboxEnvs, identity: readIdentity(), onLine, signal }),
  });
  return new Response(stream, { headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" } });
}

async function createContext(contexts: Contexts, request: Request): Promise<Response> {
  const body = await readBody(request);
  const language = contexts.parse(readText(body, "language") ?? "python");
  return Response.json(describe(await contexts.create(language, readText(body, "cwd"))));
}

async function readBody(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await request.json().catch(() => undefined);
  if (typeof body !== "object" || body === null) throw faults.bad_request({ why: "the body must be a JSON object" });
  return body as Record<string, unknown>;
}

/** Null is what the Python client sends for nothing. @throws Fault `code_bad_request` */
function readText(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw faults.bad_request({ why: `${name} must be a text` });
  return value;
}

function readEnvs(value: unknown): Envs {
  if (value === undefined || value === null) return {};
  const entries = typeof value === "object" ? Object.entries(value) : [];
  const isFine = typeof value === "object" && entries.every(([name, text]) => isEnv(name, text));
  if (!isFine) throw faults.bad_request({ why: "env_vars must map names of variables to texts" });
  return value as Envs;
}

function isEnv(name: string, text: unknown): boolean {
  return typeof text === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !text.includes("\0");
}

function guard(log: Log, handler: Handler): Handler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (thrown) {
      if (isFault(thrown)) return new Response(thrown.message, { status: statusOf(thrown.kind) });
      log("a request failed", { thrown: thrown instanceof Error ? thrown.stack : String(thrown) });
      return new Response("internal error", { status: 500 });
    }
  };
}
