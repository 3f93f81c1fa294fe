/** Asks the control plane what header values stand for, when a request leaves a sandbox. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Secret } from "@sandlot/config";
import { ValueService } from "@sandlot/contracts/egress";
import type { AskValues } from "@sandlot/egress";
import { sleep } from "@sandlot/lifetime";
import { limits } from "../limits";

/**
 * @param of `address` is `host:port` of the api's gRPC; undefined: nobody can be asked
 * @returns what throws when there is no answer
 */
export function askControlPlane(of: { address: string | undefined; nodeToken: Secret }): AskValues {
  const { address } = of;
  if (address === undefined) return () => Promise.reject(new Error("no control plane is configured"));
  const client = createClient(ValueService, createGrpcTransport({ baseUrl: `http://${address}` }));
  return async ({ sandboxId, secrets, audiences, sealedPassword }) => {
    const tokens = Object.fromEntries(Object.entries(audiences).map(([name, audience]) => [name, { audience }]));
    const request = { sandboxId, secrets: [...secrets], tokens, sealedProxyPassword: sealedPassword ?? "" };
    const headers = { Authorization: `Bearer ${of.nodeToken.reveal()}` };
    const ask = () => client.resolve(request, { headers, timeoutMs: limits.askValuesMs });
    const told = await untilKnown(ask);
    return {
      secrets: told.secrets,
      tokens: Object.fromEntries(
        Object.entries(told.tokens).map(([name, { value, expiresAt }]) => [
          name,
          { value, expiresAtMs: expiresAt === undefined ? 0 : timestampMs(expiresAt) },
        ]),
      ),
      password: told.proxyPassword,
    };
  };
}

/** A sandbox's first requests may leave before the control plane has written down that it runs. */
async function untilKnown<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (tries >= limits.askValuesTries || ConnectError.from(thrown).code !== Code.NotFound) throw thrown;
      await sleep(limits.askValuesRestMs);
    }
  }
}
