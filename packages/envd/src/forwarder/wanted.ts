/** Which ports need a forwarder: bound to loopback, and to nothing that is reached from outside. */
import type { Listener } from "@sandlot/linux";

/** Port to the loopback address its server is bound to. IPv4 first when it is bound to both. */
export type WantedPorts = ReadonlyMap<number, "127.0.0.1" | "::1">;

/** `own`: ports that we ourselves hold on `address`. */
export function wantedPorts(of: {
  listeners: readonly Listener[];
  address: string;
  own: ReadonlySet<number>;
}): WantedPorts {
  const wanted = new Map<number, "127.0.0.1" | "::1">();
  const outside = new Set<number>();
  for (const listener of of.listeners) {
    const where = textOf(listener);
    if (where === "127.0.0.1") wanted.set(listener.port, where);
    else if (where === "::1") wanted.set(listener.port, wanted.get(listener.port) ?? where);
    else if (where === "any" || (where === of.address && !of.own.has(listener.port))) outside.add(listener.port);
  }
  for (const port of outside) wanted.delete(port);
  return wanted;
}

/** IPv4 in dotted form (also when mapped into IPv6), `::1`, `any` for the wildcard of either family, else empty. */
function textOf({ address }: Listener): string {
  if (address.every((byte) => byte === 0)) return "any";
  const four = address.byteLength === 4 ? address : mappedFour(address);
  if (four !== undefined) return four.join(".");
  return address.every((byte, at) => byte === (at === 15 ? 1 : 0)) ? "::1" : "";
}

function mappedFour(address: Uint8Array): Uint8Array | undefined {
  const isMapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 255 && address[11] === 255;
  return isMapped ? address.subarray(12) : undefined;
}
