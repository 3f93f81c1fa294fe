/** Connections out of a slot: made in its namespace, so that the host's rules for guests hold for them as well. */
import { systemClock } from "@sandlot/lifetime";
import type { NetworkNamespace } from "@sandlot/linux";
import { limits } from "../limits";
import { WIRED, Wire, type WireData } from "./wire";

export type DialFailure = "refused" | "timed_out";

/** @returns a wire whose events nobody listens to yet; nothing is read before the caller has taken it in the same turn */
export async function dial(
  namespace: NetworkNamespace,
  to: { address: string; port: number },
): Promise<Wire | DialFailure> {
  const { promise, resolve } = Promise.withResolvers<Wire | DialFailure>();
  const data: WireData = {};
  let isLate = false;
  using _ = systemClock.after(limits.dialMs, () => {
    isLate = true;
    resolve("timed_out");
  });
  const connecting = namespace.run(() =>
    Bun.connect<WireData>({
      hostname: to.address,
      port: to.port,
      data,
      allowHalfOpen: true,
      socket: {
        ...WIRED,
        open: (socket) => {
          if (isLate) {
            socket.terminate();
            return;
          }
          socket.setNoDelay(true);
          socket.setKeepAlive(true, limits.keepAliveMs);
          // Until the caller listens.
          socket.pause();
          data.wire = new Wire(socket);
          resolve(data.wire);
        },
        connectError: () => resolve("refused"),
      },
    }),
  );
  connecting.catch(() => resolve("refused"));
  return await promise;
}

/** To a socket of our own on this host; undefined when nobody listens any more. */
export async function connectInner(path: string): Promise<Wire | undefined> {
  const { promise, resolve } = Promise.withResolvers<Wire | undefined>();
  const data: WireData = {};
  Bun.connect<WireData>({
    unix: path,
    data,
    allowHalfOpen: true,
    socket: {
      ...WIRED,
      open: (socket) => {
        data.wire = new Wire(socket);
        resolve(data.wire);
      },
      connectError: () => resolve(undefined),
    },
  }).catch(() => resolve(undefined));
  return await promise;
}

/** The first of a name's addresses that answers. */
export async function dialFirst(
  namespace: NetworkNamespace,
  to: { addresses: readonly string[]; port: number },
): Promise<Wire | DialFailure> {
  let failure: DialFailure = "refused";
  for (const address of to.addresses.slice(0, limits.dialAddresses)) {
    const wire = await dial(namespace, { address, port: to.port });
    if (typeof wire !== "string") return wire;
    failure = wire;
  }
  return failure;
}
