import type { ClientConnection } from "./client-connection";
import type { ClientSocket } from "./client-socket";

/** What a listener tells of its clients. */
export type Doorkeeper = {
  readonly tcpProbeMs: number;
  /** Undefined when there are too many: the socket has been closed. */
  admit(socket: ClientSocket): ClientConnection | undefined;
  onClose(connection: ClientConnection | undefined, isClean: boolean): void;
};

export type Listening = {
  readonly port: number;
  /** Takes no further connections. */
  stop(): void;
  /** Tells clients of connections that carry many requests to open another one for the next. */
  leaveKept(): void;
};
