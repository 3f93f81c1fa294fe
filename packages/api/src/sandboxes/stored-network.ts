/** `network` of a request in the form it is kept: checked, and without a password anybody could read. */
import type { components } from "@sandlot/contracts/rest";
import { egressProxyFaults, parseEgressProxy } from "@sandlot/domain";
import type { SandboxNetworkRequest } from "@sandlot/state";
import { contextOf, type Vault } from "../secrets/vault";

type Network = components["schemas"]["SandboxNetwork"];

/** @throws Fault `egress_proxy_bad`, `egress_proxy_not_enabled` where no key is configured that its password could be sealed with */
export function storedNetwork(
  network: Network,
  { vault, teamId }: { vault: Vault | undefined; teamId: string },
): SandboxNetworkRequest {
  const { egressProxy, ...rest } = network;
  if (egressProxy === undefined || egressProxy === null) return rest;
  const { username, password } = parseEgressProxy(egressProxy);
  if (vault === undefined) throw egressProxyFaults.not_enabled({});
  return {
    ...rest,
    egressProxy: {
      address: egressProxy.address,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { sealedPassword: vault.seal(password, contextOf.proxyPassword({ teamId })) }),
    },
  };
}
