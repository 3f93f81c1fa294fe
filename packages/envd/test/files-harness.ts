/** Calls to the file routes and the filesystem service of a real envd. */
import { envelope, type Json, type StreamEnd, streamMessages, type TestEnvd } from "./harness";

export type Answer = { readonly status: number; readonly body: Json };

export function fileUrl(envd: TestEnvd, query: Record<string, string>): string {
  return `${envd.url}/files?${new URLSearchParams(query)}`;
}

/** A raw upload, as `user` unless told otherwise. */
export function put(
  envd: TestEnvd,
  path: string,
  of: { body: string | Buffer; user?: string; headers?: Record<string, string> },
): Promise<Response> {
  const headers = { "content-type": "application/octet-stream", ...of.headers };
  return fetch(fileUrl(envd, { path, username: of.user ?? "user" }), { method: "POST", headers, body: of.body });
}

export function get(
  envd: TestEnvd,
  path: string,
  of: { user?: string; headers?: Record<string, string>; method?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(fileUrl(envd, { path, username: of.user ?? "user" }), {
    headers: { "accept-encoding": "identity", ...of.headers },
    method: of.method ?? "GET",
    ...(of.signal === undefined ? {} : { signal: of.signal }),
  });
}

function rpcHeaders(contentType: string, user: string, more: Record<string, string>): Record<string, string> {
  const authorization = `Basic ${Buffer.from(`${user}:`).toString("base64")}`;
  return { "content-type": contentType, "connect-protocol-version": "1", authorization, ...more };
}

export async function call(
  envd: TestEnvd,
  method: string,
  message: Json,
  of: { user?: string; headers?: Record<string, string> } = {},
): Promise<Answer & { headers: Headers }> {
  const response = await fetch(`${envd.url}/filesystem.Filesystem/${method}`, {
    method: "POST",
    headers: rpcHeaders("application/json", of.user ?? "user", of.headers ?? {}),
    body: JSON.stringify(message),
  });
  return { status: response.status, body: (await response.json()) as Json, headers: response.headers };
}

export type WatchMessage = Json & { endOfStream?: StreamEnd };

/** The messages of a WatchDir stream, one after the other. */
export async function* watchDir(
  envd: TestEnvd,
  message: Json,
  of: { user?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
): AsyncGenerator<WatchMessage> {
  const response = await fetch(`${envd.url}/filesystem.Filesystem/WatchDir`, {
    method: "POST",
    headers: rpcHeaders("application/connect+json", of.user ?? "user", of.headers ?? {}),
    body: envelope(message),
    ...(of.signal === undefined ? {} : { signal: of.signal }),
  });
  yield* streamMessages(response);
}

/** Installs an access token, as the node does. */
export async function installToken(envd: TestEnvd, accessToken: string): Promise<void> {
  const response = await fetch(`${envd.url}/init`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ accessToken, timestamp: new Date().toISOString() }),
  });
  if (response.status !== 204) throw new Error(`init: ${response.status} ${await response.text()}`);
}

/** Waits for `isTrue`, at most twenty seconds. */
export async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + 20_000;
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`not in time: ${what}`);
    await Bun.sleep(10);
  }
}
