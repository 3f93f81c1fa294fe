/** Connect services as plain request handlers: Connect JSON and binary, gRPC-Web. */
import { Code, ConnectError, type ConnectRouter, createConnectRouter, type Interceptor } from "@connectrpc/connect";
import {
  type UniversalHandler,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { isFault } from "@sandlot/faults";
import { toConnect } from "@sandlot/faults/wire";
import type { Envd } from "./envd";
import { COMPRESS_MIN_BYTES, MESSAGE_MAX_BYTES } from "./limits";
import { gzipCompression } from "./rpc-compression";

export type RpcService = (router: ConnectRouter, envd: Envd) => void;

/** By request path. */
export type RpcHandlers = ReadonlyMap<string, UniversalHandler>;

export function rpcHandlers(envd: Envd, services: readonly RpcService[]): RpcHandlers {
  const router = createConnectRouter({
    interceptors: [faultsToConnect(envd)],
    acceptCompression: [gzipCompression],
    compressMinBytes: COMPRESS_MIN_BYTES,
    readMaxBytes: MESSAGE_MAX_BYTES,
  });
  for (const register of services) register(router, envd);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

export async function answerRpc(handler: UniversalHandler, request: Request): Promise<Response> {
  if (!handler.allowedMethods.includes(request.method)) {
    return new Response(null, { status: 405, headers: { allow: handler.allowedMethods.join(", ") } });
  }
  const asked = { ...universalServerRequestFromFetch(request, {}), header: withoutZeroTimeout(request.headers) };
  return universalServerResponseToFetch(await handler(asked));
}

/** A time limit of 0 means none on this wire; the library would take it as already over. */
function withoutZeroTimeout(headers: Headers): Headers {
  if (!/^0+$/.test(headers.get("connect-timeout-ms") ?? "")) return headers;
  const kept = new Headers(headers);
  kept.delete("connect-timeout-ms");
  return kept;
}

/** What a stream throws comes while it is read, so its messages are wrapped as well. */
function faultsToConnect(envd: Envd): Interceptor {
  const translate = (thrown: unknown, method: string): ConnectError => {
    if (isErrorNamed(thrown, "AbortError")) return new ConnectError("the client has gone away", Code.Canceled);
    if (!isFault(thrown) && !(thrown instanceof ConnectError)) envd.log.error("rpc failed", { thrown, method });
    return toConnect(thrown);
  };
  return (next) => async (request) => {
    const method = request.method.name;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: translated(response.message, (thrown) => translate(thrown, method)) };
    } catch (thrown) {
      throw translate(thrown, method);
    }
  };
}

async function* translated<T>(messages: AsyncIterable<T>, translate: (thrown: unknown) => ConnectError) {
  try {
    yield* messages;
  } catch (thrown) {
    throw translate(thrown);
  }
}

function isErrorNamed(thrown: unknown, name: string): boolean {
  return thrown instanceof Error && thrown.name === name;
}
