/** A running sandbox's process service, reached through the installation's proxy as any client would. */
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process, type ProcessEvent } from "@sandlot/contracts/envd/process";
import { cliFaults } from "../faults";
import { localApi } from "./api";

export type GuestProcesses = Client<typeof Process>;
type Detail = { readonly envdAccessToken?: string };

const ENVD_PORT = "49983";
/** Below the idle times of usual middle boxes. */
const KEEPALIVE_SECONDS = "50";

/** @throws Fault `cli_sandbox_missing` */
export async function openGuest(of: { dataDir: string; sandboxId: string; user?: string }): Promise<GuestProcesses> {
  const { sandboxId } = of;
  const api = localApi(of.dataDir);
  const path = `/sandboxes/${encodeURIComponent(sandboxId)}`;
  const found = await api.ask({ method: "GET", path, mayBe: [400, 404] });
  if (found.status !== 200) throw cliFaults.sandbox_missing({ sandboxId });
  const { envdAccessToken } = found.json as Detail;
  const identify: Interceptor = (next) => (request) => {
    request.header.set("E2b-Sandbox-Id", sandboxId);
    request.header.set("E2b-Sandbox-Port", ENVD_PORT);
    request.header.set("Keepalive-Ping-Interval", KEEPALIVE_SECONDS);
    if (envdAccessToken !== undefined) request.header.set("X-Access-Token", envdAccessToken);
    if (of.user !== undefined) request.header.set("Authorization", `Basic ${btoa(`${of.user}:`)}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: api.sandboxUrl, httpVersion: "1.1", interceptors: [identify] });
  return createClient(Process, transport);
}

/** What a failed call means for a person. Passes on what is no answer of the sandbox. */
export function guestFault(thrown: unknown, sandboxId: string): unknown {
  if (!(thrown instanceof ConnectError) || thrown.code === Code.Canceled) return thrown;
  return cliFaults.sandbox_silent({ sandboxId, why: thrown.rawMessage }, thrown);
}

const SIGNALS: Readonly<Record<string, number>> = {
  hangup: 1,
  interrupt: 2,
  quit: 3,
  aborted: 6,
  killed: 9,
  "segmentation fault": 11,
  "broken pipe": 13,
  terminated: 15,
};

type EndEvent = Extract<ProcessEvent["event"], { case: "end" }>["value"];

/** As a shell counts: its own code, or 128 and the number of the signal that ended it. Pure. */
export function exitCodeOf(end: Pick<EndEvent, "exitCode" | "exited" | "status">): number {
  if (end.exited) return end.exitCode & 255;
  const name = /^signal: ([a-z ]+?)(?: \(core dumped\))?$/.exec(end.status)?.[1] ?? "";
  return 128 + (SIGNALS[name] ?? 0);
}
