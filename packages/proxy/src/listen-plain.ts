import type { Socket } from "bun";
import type { ClientConnection } from "./client-connection";
import type { Doorkeeper, Listening } from "./doorkeeper";

/** HTTP/1.1 on TCP. */
export function listenPlain(of: { host: string; port: number; keeper: Doorkeeper }): Listening {
  const { keeper } = of;
  const listener = Bun.listen<ClientConnection | undefined>({
    hostname: of.host,
    port: of.port,
    socket: {
      open(socket: Socket<ClientConnection | undefined>) {
        socket.setNoDelay(true);
        socket.setKeepAlive(true, keeper.tcpProbeMs);
        socket.data = keeper.admit(socket);
      },
      data: (socket, bytes) => socket.data?.onBytes(bytes),
      drain: (socket) => socket.data?.onDrain(),
      close: (socket, error) => keeper.onClose(socket.data, error === undefined || error === null),
      error: () => undefined, // `close` follows and tells
    },
  });
  return { port: listener.port, stop: () => listener.stop(false), leaveKept: () => undefined };
}
