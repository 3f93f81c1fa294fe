import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { GuestProxy } from "../config";

/**
 * The corporate proxies as `ip:port`, IPv4: they usually sit in ranges that guests may not reach, so the network lets
 * exactly these through. A name is looked up once, at start; one that is unknown is left out, as guests cannot use it either.
 */
export async function predefinedAllows(proxy: GuestProxy): Promise<string[]> {
  const allowed = new Set<string>();
  for (const url of [proxy.http, proxy.https]) {
    const place = url === undefined ? undefined : placeOf(url);
    if (place === undefined) continue;
    const addresses = isIP(place.host) === 4 ? [place.host] : await addressesOf(place.host);
    for (const address of addresses) allowed.add(`${address}:${place.port}`);
  }
  return [...allowed];
}

function placeOf(url: string): { host: string; port: number } | undefined {
  const full = url.includes("://") ? url : `http://${url}`;
  if (!URL.canParse(full)) return undefined;
  const { hostname, port, protocol } = new URL(full);
  return { host: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, family: 4 }).catch(() => []);
  return found.map(({ address }) => address);
}
