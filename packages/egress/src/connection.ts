/** One connection of a guest: looked into, judged, dialled, passed on. */
import { systemClock } from "@sandlot/lifetime";
import type { Flow } from "./flow-log";
import type { GateParts } from "./gate";
import { relayRequests } from "./http/relay-requests";
import { ownAnswer } from "./http/request-stream";
import { isDecidedByAddress, type Judgement, judge, type Seen } from "./judge";
import { limits } from "./limits";
import { peek } from "./peek/peek";
import { routeOut } from "./route-out";
import { connectInner } from "./wire/dial";
import { relay, type Wire } from "./wire/wire";

const SILENT: Seen = { protocol: "tcp", name: undefined };
const CLIENT_FIRST_PORTS: readonly number[] = [80, 443];

export async function serveConnection(
  parts: GateParts,
  guest: Wire,
  to: { readonly address: string; readonly port: number },
): Promise<void> {
  const flow = parts.log.add({ atMs: Date.now(), ...to });
  try {
    await pass(parts, guest, flow);
  } catch {
    // What nobody foresaw: the guest learns only that there is no connection.
    end(flow, "broken");
    guest.terminate();
  }
}

async function pass(parts: GateParts, guest: Wire, flow: Flow): Promise<void> {
  const { address } = flow;
  // The slot's rules refuse these before they get here; this is the second look.
  if (parts.isForbidden(address)) return refuse(guest, flow, "internal_address");
  const isSettled = isDecidedByAddress(parts.policy(), address);
  const { seen, first } = isSettled
    ? { seen: SILENT, first: Buffer.alloc(0) }
    : await lookInto(guest, patienceMs(parts, flow));
  if (guest.isClosed) return end(flow, "gone");
  flow.protocol = seen.protocol;
  flow.host = seen.name;
  const judgement = judge(parts.policy(), seen, address);
  flow.reason = judgement.reason;
  if (judgement.do === "refuse") return refuse(guest, flow, judgement.reason);
  if (judgement.do === "transform" && seen.protocol === "http" && !parts.allowsPlainHttp) {
    guest.write(ownAnswer(403, "header rules apply to https only"));
    guest.close();
    return end(flow, "plain_http_refused");
  }
  if (judgement.do === "transform" && seen.protocol === "tls")
    return await toInner(parts, { guest, flow, judgement, first });
  const name = judgement.do === "dial_address" ? undefined : seen.name;
  const isNameAllowed = judgement.reason === "allowed_domain";
  const out = await routeOut(parts, { name, isNameAllowed, address, port: flow.port });
  if ("reason" in out) return refuse(guest, flow, out.reason);
  parts.keep(out.wire);
  if (guest.isClosed) {
    out.wire.terminate();
    return end(flow, "gone");
  }
  flow.verdict = "allowed";
  if (out.early.length > 0) {
    flow.receivedBytes += out.early.length;
    guest.write(out.early);
  }
  if (seen.protocol === "http" && name !== undefined)
    passRequests(parts, { guest, server: out.wire, flow, name, first });
  else passBytes(guest, out.wire, { flow, first, isUnseen: isSettled });
}

/** Bytes as they are. A connection that was let go unseen is looked into in passing, for the log alone. */
function passBytes(guest: Wire, server: Wire, of: { flow: Flow; first: Buffer; isUnseen: boolean }): void {
  const { flow, first } = of;
  relay(guest, server, {
    aToB: (bytes) => {
      flow.sentBytes += bytes;
    },
    bToA: (bytes) => {
      flow.receivedBytes += bytes;
    },
    closed: () => end(flow),
  });
  if (of.isUnseen) {
    const { data } = guest.events;
    guest.events.data = (bytes) => {
      guest.events.data = data;
      const seen = peek(bytes);
      if (seen !== "more") Object.assign(flow, { protocol: seen.protocol, host: seen.name });
      data(bytes);
    };
  }
  if (first.length > 0) guest.events.data(first);
  server.resume();
  guest.resume();
}

function passRequests(
  parts: GateParts,
  of: { guest: Wire; server: Wire; flow: Flow; name: string; first: Buffer },
): void {
  const { guest, server, flow, name } = of;
  const { push } = relayRequests(guest, server, {
    name,
    headers: () => {
      const rule = parts.policy().rules.get(name);
      if (rule === undefined || !parts.allowsPlainHttp) return [];
      flow.isTransformed = true;
      return parts.values.fill(rule);
    },
    onRequest: () => undefined,
    onRefusal: (reason, host) =>
      void parts.log.add({
        ...flow,
        atMs: Date.now(),
        verdict: "denied",
        reason,
        host: host?.slice(0, 256) ?? name,
        endedAtMs: Date.now(),
      }),
    onSent: (bytes) => {
      flow.sentBytes += bytes;
    },
    onReceived: (bytes) => {
      flow.receivedBytes += bytes;
    },
    onClosed: () => end(flow),
  });
  push(of.first);
  server.resume();
  guest.resume();
}

/** Hands the connection, hello and all, to the side that plays the destination. */
async function toInner(
  parts: GateParts,
  of: { guest: Wire; flow: Flow; judgement: Extract<Judgement, { do: "transform" }>; first: Buffer },
): Promise<void> {
  const { guest, flow, judgement } = of;
  const isNameAllowed = judgement.reason === "allowed_domain";
  const { address, port } = flow;
  const path = await parts.innerSide({ name: judgement.rule.domain, address, port, isNameAllowed });
  const inner = await connectInner(path);
  if (inner === undefined) return refuse(guest, flow, "broken");
  parts.keep(inner);
  flow.verdict = "allowed";
  flow.isTransformed = true;
  passBytes(guest, inner, { flow, first: of.first, isUnseen: false });
}

/** A name is all that can help what would be refused without one, so a slow client is waited for. */
function patienceMs(parts: GateParts, { address, port }: Flow): number {
  const isLost = judge(parts.policy(), SILENT, address).do === "refuse";
  return isLost || CLIENT_FIRST_PORTS.includes(port) ? limits.peekWholeMs : limits.peekMs;
}

/** Waits for the first bytes until they tell what is meant, or for so long that they will not. */
async function lookInto(guest: Wire, silenceMs: number): Promise<{ seen: Seen; first: Buffer }> {
  const { promise, resolve } = Promise.withResolvers<Seen>();
  let first: Buffer = Buffer.alloc(0);
  let silence: Disposable | undefined = systemClock.after(silenceMs, () => resolve(SILENT));
  using _whole = systemClock.after(limits.peekWholeMs, () => resolve(SILENT));
  guest.events = {
    data: (bytes) => {
      silence?.[Symbol.dispose]();
      silence = undefined;
      first = first.length === 0 ? bytes : Buffer.concat([first, bytes]);
      const seen = peek(first);
      if (seen === "more") return;
      guest.pause();
      resolve(seen);
    },
    drained: () => undefined,
    ended: () => resolve(SILENT),
    closed: () => resolve(SILENT),
  };
  guest.resume();
  const seen = await promise;
  silence?.[Symbol.dispose]();
  guest.pause();
  return { seen, first };
}

function refuse(guest: Wire, flow: Flow, reason: string): void {
  end(flow, reason);
  flow.verdict = "denied";
  guest.terminate();
}

function end(flow: Flow, reason?: string): void {
  flow.endedAtMs = Date.now();
  if (reason !== undefined) flow.reason = reason;
}
