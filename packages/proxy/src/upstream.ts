import { systemClock } from "@sandlot/lifetime";
import type { Socket } from "bun";
import { Outlet } from "./outlet";

/** Whoever uses an upstream connection at the moment. */
export type UpstreamUser = {
  onBytes(bytes: Buffer): void;
  onRoom(): void;
  /** @param isClean false after a reset */
  onClose(isClean: boolean): void;
};

/** One connection to a node or a guest. */
export class Upstream {
  /** Set by whoever takes the connection; undefined while it is idle. */
  user: UpstreamUser | undefined;
  /** Whether a request has been answered over it before. */
  isReused = false;
  isClosed = false;
  idleSinceMs = 0;
  /** Between probes of a silent connection; 0 once it is set. */
  probeMs = 0;
  readonly outlet: Outlet;
  readonly #socket: Socket<Upstream>;
  #isPaused = false;

  constructor(socket: Socket<Upstream>) {
    this.#socket = socket;
    this.outlet = new Outlet(socket, () => this.user?.onRoom());
  }

  /** From now on silence is looked into. Not for every connection: most are over before it could matter, and it takes four calls. */
  expectSilence(): void {
    if (this.probeMs === 0) return;
    this.#socket.setKeepAlive(true, this.probeMs);
    this.probeMs = 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
  /** Resets the connection; no event follows to the user. */
  cut(): void {
    this.user = undefined;
    this.isClosed = true;
    this.#socket.terminate();
  }
  end(): void {
    this.outlet.end("close");
  }
}

/**
 * Connects.
 * @returns the connection, or how it failed
 */
export async function dial(of: {
  address: string;
  port: number;
  probeMs: number;
  timeoutMs: number;
}): Promise<Upstream | "refused" | "unreachable"> {
  const late = Promise.withResolvers<"unreachable">();
  using _timer = systemClock.after(of.timeoutMs, () => late.resolve("unreachable"));
  const connected = connect(of);
  const first = await Promise.race([connected, late.promise]);
  // One that opens after all is nobody's.
  if (first === "unreachable") void connected.then((upstream) => typeof upstream === "object" && upstream.cut());
  return first;
}

async function connect(of: {
  address: string;
  port: number;
  probeMs: number;
}): Promise<Upstream | "refused" | "unreachable"> {
  try {
    // Until it is open the socket has no data; handlers before that are connectError's alone.
    const socket = await Bun.connect<Upstream>({
      hostname: of.address,
      port: of.port,
      data: undefined as unknown as Upstream,
      socket: HANDLERS,
    });
    // Bun itself sets TCP_NODELAY.
    socket.data.probeMs = of.probeMs;
    return socket.data;
  } catch (thrown) {
    return (thrown as { code?: unknown }).code === "ECONNREFUSED" ? "refused" : "unreachable";
  }
}

const HANDLERS = {
  open(socket: Socket<Upstream>): void {
    socket.data = new Upstream(socket);
  },
  data(socket: Socket<Upstream>, bytes: Buffer): void {
    const { data: upstream } = socket;
    // Bytes that nobody asked for make an idle connection unusable.
    if (upstream.user === undefined) upstream.cut();
    else upstream.user.onBytes(bytes);
  },
  drain(socket: Socket<Upstream>): void {
    socket.data?.outlet.drain();
  },
  close(socket: Socket<Upstream>, error?: Error): void {
    const { data: upstream } = socket;
    if (upstream === undefined) return;
    upstream.isClosed = true;
    const { user } = upstream;
    upstream.user = undefined;
    user?.onClose(error === undefined || error === null);
  },
  error(): void {
    // `close` follows and tells.
  },
  connectError(): void {
    // The promise of `connect` tells.
  },
};
