/** What a node asks when a request leaves a sandbox: values in the clear, for that request only. */
import { timingSafeEqual } from "node:crypto";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { type ResolveRequest, ValueService } from "@sandlot/contracts/egress";
import { readSealedSecrets } from "@sandlot/db";
import { requestFaults, sandboxFaults } from "@sandlot/domain";
import { toConnect } from "@sandlot/faults/wire";
import type { SandboxParts } from "../sandboxes/parts";
import type { Identity } from "./identity";
import { contextOf, type Vault } from "./vault";

export type ValueParts = Pick<SandboxParts, "db" | "state"> & {
  readonly vault: Vault;
  readonly identity: Identity;
  /** What nodes show. */
  readonly nodeToken: string;
};

export function valueRoutes(parts: ValueParts): (router: ConnectRouter) => void {
  return (router) => {
    router.service(ValueService, {
      async resolve(request, context) {
        try {
          if (!isNode(context.requestHeader.get("authorization"), parts.nodeToken))
            throw requestFaults.node_token_wrong({});
          return await resolve(parts, request);
        } catch (thrown) {
          throw toConnect(thrown);
        }
      },
    });
  };
}

async function resolve(parts: ValueParts, request: ResolveRequest) {
  const { sandboxId } = request;
  const record = /^[a-z0-9]{1,64}$/.test(sandboxId) ? await parts.state.sandboxes.find(sandboxId) : undefined;
  if (record === undefined) throw sandboxFaults.missing({ sandboxId });
  const { teamId } = record;
  const sealed = await readSealedSecrets(parts.db, { teamId, names: request.secrets });
  const secrets = [...sealed].map(
    ([name, text]) => [name, parts.vault.open(text, contextOf.secret({ teamId, name }))] as const,
  );
  const tokens = await Promise.all(
    Object.entries(request.tokens).map(async ([name, { audience }]) => {
      const { token, expiresAtMs } = await parts.identity.mint({ teamId, sandboxId, audience });
      return [name, { value: token, expiresAt: timestampFromMs(expiresAtMs) }] as const;
    }),
  );
  const password = request.sealedProxyPassword;
  return {
    secrets: Object.fromEntries(secrets),
    tokens: Object.fromEntries(tokens),
    ...(password !== "" && { proxyPassword: parts.vault.open(password, contextOf.proxyPassword({ teamId })) }),
  };
}

function isNode(header: string | null, wanted: string): boolean {
  const [a, b] = [header ?? "", `Bearer ${wanted}`].map((text) => new Bun.CryptoHasher("sha256").update(text).digest());
  return a !== undefined && b !== undefined && wanted !== "" && timingSafeEqual(a, b);
}
