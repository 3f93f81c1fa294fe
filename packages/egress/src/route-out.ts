/** From a judged connection to a wire that leads out of the slot: names looked up by us, inner addresses refused, by proxy if there is one. */
import type { NetworkNamespace } from "@sandlot/linux";
import { type CompiledPolicy, judgeAddress } from "./judge";
import type { Values } from "./values/values";
import { dial, dialFirst } from "./wire/dial";
import { openTunnel } from "./wire/socks5";
import type { Wire } from "./wire/wire";

export type OutParts = {
  readonly namespace: NetworkNamespace;
  /** Addresses of a name; throws when nobody answers. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  readonly isForbidden: (address: string) => boolean;
  readonly values: Values;
  readonly policy: () => CompiledPolicy;
};

export type OutTarget = {
  readonly port: number;
  readonly name: string | undefined;
  /** What the guest dialled; used only without a name. */
  readonly address: string;
  /** The name was allowed as such: then its addresses need not be. */
  readonly isNameAllowed: boolean;
};

/** A wire nobody listens to yet and what came by it already, or why there is none, as it is logged. */
export type Out = { readonly wire: Wire; readonly early: Buffer } | { readonly reason: string };

export async function routeOut(parts: OutParts, to: OutTarget): Promise<Out> {
  const { proxy } = parts.policy();
  if (proxy !== undefined) return await throughProxy(parts, to);
  const addresses = to.name === undefined ? [to.address] : await addressesOf(parts, { ...to, name: to.name });
  if (typeof addresses === "string") return { reason: addresses };
  const wire = await dialFirst(parts.namespace, { addresses, port: to.port });
  return typeof wire === "string" ? { reason: `dial_${wire}` } : { wire, early: Buffer.alloc(0) };
}

/** Those that may be dialled, or why none. An answer that points inside is a rebinding, not a mistake to be patched up. */
async function addressesOf(
  parts: OutParts,
  of: { name: string; isNameAllowed: boolean },
): Promise<readonly string[] | string> {
  let answered: readonly string[];
  try {
    answered = await parts.resolve(of.name);
  } catch {
    return "no_resolver";
  }
  if (answered.length === 0) return "no_address";
  const outer = answered.filter((address) => !parts.isForbidden(address));
  if (outer.length === 0) return "internal_answer";
  const allowed = outer.filter((address) => of.isNameAllowed || judgeAddress(parts.policy(), address).isAllowed);
  return allowed.length > 0 ? allowed : "denied_cidr";
}

async function throughProxy(parts: OutParts, to: OutTarget): Promise<Out> {
  const { proxy } = parts.policy();
  if (proxy === undefined) return { reason: "broken" };
  const isAddress = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(proxy.host);
  const addresses = isAddress ? [proxy.host] : await addressesOf(parts, { name: proxy.host, isNameAllowed: true });
  if (typeof addresses === "string") return { reason: `proxy_${addresses}` };
  const [address] = addresses;
  if (address === undefined || parts.isForbidden(address)) return { reason: "proxy_internal_answer" };
  const { username, sealedPassword } = proxy;
  let login: { username: string; password: string } | undefined;
  if (username !== undefined) {
    const password =
      sealedPassword === undefined ? "" : await parts.values.password(sealedPassword).catch(() => undefined);
    if (password === undefined) return { reason: "proxy_password_unavailable" };
    login = { username, password };
  }
  const wire = await dial(parts.namespace, { address, port: proxy.port });
  if (typeof wire === "string") return { reason: `proxy_${wire}` };
  let early: Buffer = Buffer.alloc(0);
  const target = { host: to.name ?? to.address, port: to.port };
  const opened = await openTunnel(wire, {
    target,
    login,
    onEarly: (bytes) => {
      early = bytes;
    },
  });
  if (opened === "open") {
    wire.pause();
    return { wire, early };
  }
  wire.terminate();
  return { reason: `proxy_${opened}` };
}
