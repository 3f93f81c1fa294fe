/** How a port of a sandbox is written as an address that a browser can follow. Pure. */
import { LINK_PARAMETER } from "@sandlot/domain";

type Place = {
  /** Scheme, domain and port of the edge, such as `https://sandlot.test:3443`. */
  readonly origin: string;
  readonly sandboxId: string;
  readonly port: number;
  /** Begins with a slash; may have a query of its own. */
  readonly path: string;
};

export function addressOf({ origin, sandboxId, port, path }: Place): string {
  const { protocol, host } = new URL(origin);
  return `${protocol}//${port}-${sandboxId}.${host}${path}`;
}

export function linkAddress(place: Place, token: string): string {
  const url = new URL(addressOf(place));
  url.searchParams.set(LINK_PARAMETER, token);
  return url.href;
}
