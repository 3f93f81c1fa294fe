import { request } from "node:http";
import type { Duplex } from "node:stream";
import { type GuestPlace, headersOf } from "./guest";

/** What the node's proxy opens a plain connection for, to whoever has the sandbox's envd token. */
const PROTOCOL = "sandlot-tcp";
const OPEN_WITHIN_MS = 30_000;

/** A TCP connection to a port of the sandbox. Undefined when nobody listens there. */
export function openTunnel(place: GuestPlace, port: number): Promise<Duplex | undefined> {
  return new Promise((resolve) => {
    const sent = request(`${place.proxyUrl}/`, {
      headers: { ...headersOf(place, port), Connection: "Upgrade", Upgrade: PROTOCOL },
      agent: false,
      timeout: OPEN_WITHIN_MS,
    });
    sent.on("upgrade", (_answer, socket: Duplex, first: Buffer) => {
      if (first.length > 0) socket.unshift(first);
      resolve(socket);
    });
    sent.on("response", (answer) => {
      answer.resume();
      resolve(undefined);
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolve(undefined));
    sent.end();
  });
}
