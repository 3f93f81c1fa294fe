/** TLS towards a destination, over a wire that leads there. */
import { rootCertificates } from "node:tls";
import { systemClock } from "@sandlot/lifetime";
import { limits } from "../limits";
import { WIRED, Wire, type WireData } from "../wire/wire";
import { HTTP_1_1 } from "./alpn";

/**
 * @param extraRoots PEM of further authorities to believe, beside the usual ones
 * @returns undefined when the peer cannot prove that it is `name`; `wire` is gone then
 */
export async function upgrade(
  wire: Wire,
  of: { name: string; extraRoots: string | undefined },
): Promise<Wire | undefined> {
  const { promise, resolve } = Promise.withResolvers<Wire | undefined>();
  const data: WireData = {};
  using _ = systemClock.after(limits.handshakeMs, () => resolve(undefined));
  // The wire below still hears of the same bytes; what matters comes by the one above.
  wire.events = {
    data: () => undefined,
    drained: () => undefined,
    ended: () => undefined,
    closed: () => resolve(undefined),
  };
  const [, socket] = wire.socket.upgradeTLS<WireData>({
    data,
    tls: {
      serverName: of.name,
      rejectUnauthorized: true,
      ALPNProtocols: HTTP_1_1,
      ...(of.extraRoots === undefined ? {} : { ca: [...rootCertificates, of.extraRoots] }),
    },
    socket: {
      ...WIRED,
      close: (closed) => {
        resolve(undefined);
        closed.data.wire?.feed.close();
      },
      handshake: (_socket, isTrusted) => resolve(isTrusted ? data.wire : undefined),
    },
  });
  const upper = new Wire(socket);
  data.wire = upper;
  wire.resume();
  const trusted = await promise;
  if (trusted === undefined) upper.terminate();
  return trusted;
}
