import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SandboxService } from "@sandlot/contracts/proxy";
import { Gate } from "@sandlot/lifetime";
import { clientProxyFaults } from "./faults";
import { limits } from "./limits";

/** What the api needs to decide whether this visitor may wake the sandbox. */
export type ResumeAsk = {
  readonly sandboxId: string;
  readonly port: number;
  readonly trafficToken: string | undefined;
  /** Of a link to the port (our own). */
  readonly linkToken?: string | undefined;
  readonly envdToken: string | undefined;
  readonly authorization: string | undefined;
};

export type ResumeOutcome =
  | { readonly kind: "running"; readonly nodeIp: string }
  | { readonly kind: "not_found" | "denied" | "transitioning" | "api_unreachable" }
  | { readonly kind: "limited"; readonly message: string };

export type ApiClient = Client<typeof SandboxService>;

/** @param apiAddress `host:port` of the api's internal gRPC */
export function openApiClient(apiAddress: string): ApiClient {
  const transport = createGrpcTransport({ baseUrl: `http://${apiAddress}`, defaultTimeoutMs: limits.resumeMs });
  return createClient(SandboxService, transport);
}

/** Whether a key opens a sandbox by SSH, and its envd token then. Throws when the api cannot be asked. */
export function openAuthorizer(
  client: ApiClient,
): (of: { sandboxId: string; fingerprint: string; certificate: Uint8Array }) => Promise<string | undefined> {
  return async (asked) => {
    try {
      return (await client.authorizeSsh(asked)).envdAccessToken;
    } catch (thrown) {
      if (ConnectError.from(thrown).code === Code.NotFound) return undefined;
      throw thrown;
    }
  };
}

/** Asks the api to wake a sandbox that the catalog does not know. Equal questions under way are asked once. */
export function openResumer(client: ApiClient): (ask: ResumeAsk) => Promise<ResumeOutcome> {
  const gate = new Gate(limits.resumesAtOnce);
  const underWay = new Map<string, Promise<ResumeOutcome>>();

  async function call(ask: ResumeAsk): Promise<ResumeOutcome> {
    try {
      const { orchestratorIp } = await client.resumeSandbox({ sandboxId: ask.sandboxId }, { headers: metadataOf(ask) });
      return { kind: "running", nodeIp: orchestratorIp };
    } catch (thrown) {
      return outcomeOf(ConnectError.from(thrown));
    }
  }

  return async (ask) => {
    const key = JSON.stringify(ask);
    const known = underWay.get(key);
    if (known !== undefined) return known;
    if (gate.waitingCount >= limits.resumesWaiting) {
      throw clientProxyFaults.overloaded({ waitingCount: gate.waitingCount });
    }
    const mine = gate.run(() => call(ask)).finally(() => underWay.delete(key));
    underWay.set(key, mine);
    return mine;
  };
}

/** Source: behaviour.md §3.2. */
function metadataOf(ask: ResumeAsk): Headers {
  const headers = new Headers({ "e2b-sandbox-request-port": String(ask.port) });
  if (ask.linkToken !== undefined) headers.set("sandlot-link-token", ask.linkToken);
  if (ask.trafficToken !== undefined) headers.set("e2b-traffic-access-token", ask.trafficToken);
  if (ask.envdToken !== undefined) headers.set("e2b-envd-access-token", ask.envdToken);
  if (ask.authorization !== undefined) headers.set("authorization", ask.authorization);
  return headers;
}

/** Source: behaviour.md §3.2; an api that cannot be asked is told apart from a sandbox that is gone. */
export function outcomeOf(error: ConnectError): ResumeOutcome {
  switch (error.code) {
    case Code.PermissionDenied:
      return { kind: "denied" };
    case Code.ResourceExhausted:
      return { kind: "limited", message: error.rawMessage };
    case Code.FailedPrecondition:
      return { kind: /still transitioning/i.test(error.rawMessage) ? "transitioning" : "not_found" };
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
    case Code.Aborted:
      return { kind: "api_unreachable" };
    default:
      return { kind: "not_found" };
  }
}
