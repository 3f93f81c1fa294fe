/** A sandbox as any client reaches it: envd's services and its ports, through the installation's own proxy. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Filesystem } from "@sandlot/contracts/envd/filesystem";
import { Process } from "@sandlot/contracts/envd/process";

const ENVD_PORT = 49_983;
/** Below the idle times of usual middle boxes. */
const KEEPALIVE_SECONDS = "50";

export type GuestPlace = {
  /** Of the proxy, such as `http://127.0.0.1:3002`. */
  readonly proxyUrl: string;
  readonly sandboxId: string;
  /** Empty for a sandbox without one. */
  readonly envdToken: string;
  /** Undefined: the sandbox's default user. */
  readonly user: string | undefined;
};

export type Guest = {
  readonly place: GuestPlace;
  readonly processes: Client<typeof Process>;
  readonly files: Client<typeof Filesystem>;
};

export function openGuest(place: GuestPlace): Guest {
  const identify: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headersOf(place, ENVD_PORT))) request.header.set(name, value);
    request.header.set("Keepalive-Ping-Interval", KEEPALIVE_SECONDS);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: place.proxyUrl, httpVersion: "1.1", interceptors: [identify] });
  return { place, processes: createClient(Process, transport), files: createClient(Filesystem, transport) };
}

export function headersOf(place: GuestPlace, port: number): Record<string, string> {
  return {
    "E2b-Sandbox-Id": place.sandboxId,
    "E2b-Sandbox-Port": String(port),
    ...(place.envdToken !== "" && { "X-Access-Token": place.envdToken }),
    ...(place.user !== undefined && { Authorization: `Basic ${btoa(`${place.user}:`)}` }),
  };
}

/** A request to envd's file route, its body still to be written. */
export function fileRequest(
  { place }: Guest,
  of: { method: "GET" | "POST"; path: string; headers?: Record<string, string> },
): { request: ReturnType<typeof httpRequest>; answer: Promise<IncomingMessage> } {
  const query = new URLSearchParams({ path: of.path });
  if (place.user !== undefined) query.set("username", place.user);
  const headers = { ...headersOf(place, ENVD_PORT), ...of.headers };
  const request = httpRequest(`${place.proxyUrl}/files?${query}`, { method: of.method, headers, agent: false });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
  answer.catch(() => undefined); // whoever waits for it is told
  return { request, answer };
}
