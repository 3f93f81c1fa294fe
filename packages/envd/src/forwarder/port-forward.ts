/** One port of the outer address, passed on to the loopback address where its server listens. */
import { Relay } from "./relay";

/** @throws when the outer address is not ours or the port is taken */
export function startPortForward(of: { address: string; port: number; target: string }): Disposable {
  const relays = new Set<Relay>();
  const listener = Bun.listen<Relay>({
    hostname: of.address,
    port: of.port,
    allowHalfOpen: true,
    exclusive: true,
    socket: {
      open(socket) {
        const relay = new Relay();
        relays.add(relay);
        relay.near.socket = socket;
        socket.data = relay;
        connectFar(relay, of);
      },
      ...handlers((relay) => relays.delete(relay)),
    },
  });
  return {
    [Symbol.dispose]() {
      listener.stop();
      for (const relay of relays) relay.cut();
    },
  };
}

function connectFar(relay: Relay, of: { port: number; target: string }): void {
  Bun.connect<Relay>({
    hostname: of.target,
    port: of.port,
    allowHalfOpen: true,
    data: relay,
    socket: {
      open(socket) {
        relay.far.socket = socket;
        relay.drained(relay.far);
      },
      connectError: () => relay.cut(),
      ...handlers(() => undefined),
    },
  }).catch(() => relay.cut());
}

function handlers(forget: (relay: Relay) => void) {
  return {
    data: (socket: Bun.Socket<Relay>, bytes: Uint8Array) => socket.data.received(socket, bytes),
    drain: (socket: Bun.Socket<Relay>) => socket.data.drained(socket.data.endOf(socket)),
    end: (socket: Bun.Socket<Relay>) => socket.data.finished(socket),
    error: (socket: Bun.Socket<Relay>) => socket.data.cut(),
    close(socket: Bun.Socket<Relay>) {
      socket.data.closed(socket);
      forget(socket.data);
    },
  };
}
