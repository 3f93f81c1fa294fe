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

type Dialed = Upstream | "refused" | "unreachable";

/** A connection that is being made; what it becomes is told once. */
class Dial {
  readonly probeMs: number;
  readonly #tell: (dialed: Dialed) => void;
  readonly #timer: Disposable;
  #isOver = false;

  constructor(of: { probeMs: number; timeoutMs: number; tell: (dialed: Dialed) => void }) {
    this.probeMs = of.probeMs;
    this.#tell = of.tell;
    this.#timer = systemClock.after(of.timeoutMs, () => this.end("unreachable"));
  }

  /** @returns whether anybody waited for it still */
  end(dialed: Dialed): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer[Symbol.dispose]();
    this.#tell(dialed);
    return true;
  }
}

/**
 * Connects. Without a promise for each step: towards guests every request has a connection of its own.
 * @returns the connection, or how it failed
 */
export function dial(of: { address: string; port: number; probeMs: number; timeoutMs: number }): Promise<Dialed> {
  return new Promise((tell) => {
    const dialing = new Dial({ probeMs: of.probeMs, timeoutMs: of.timeoutMs, tell });
    const fail = (thrown: unknown): void => {
      dialing.end((thrown as { code?: unknown }).code === "ECONNREFUSED" ? "refused" : "unreachable");
    };
    const { address: hostname, port } = of;
    try {
      Bun.connect<Upstream | Dial>({ hostname, port, data: dialing, socket: HANDLERS }).catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  });
}

/** Undefined until the connection is open, and after it was given up. */
function upstreamOf(socket: Socket<Upstream | Dial>): Upstream | undefined {
  return socket.data instanceof Upstream ? socket.data : undefined;
}

const HANDLERS = {
  open(socket: Socket<Upstream | Dial>): void {
    const dialing = socket.data;
    if (!(dialing instanceof Dial)) return;
    // Bun itself sets TCP_NODELAY.
    const upstream = new Upstream(socket as Socket<Upstream>);
    upstream.probeMs = dialing.probeMs;
    socket.data = upstream;
    // One that opens after all is nobody's.
    if (!dialing.end(upstream)) upstream.cut();
  },
  data(socket: Socket<Upstream | Dial>, bytes: Buffer): void {
    const upstream = upstreamOf(socket);
    if (upstream === undefined) return;
    // Bytes that nobody asked for make an idle connection unusable.
    if (upstream.user === undefined) upstream.cut();
    else upstream.user.onBytes(bytes);
  },
  drain(socket: Socket<Upstream | Dial>): void {
    upstreamOf(socket)?.outlet.drain();
  },
  close(socket: Socket<Upstream | Dial>, error?: Error): void {
    const upstream = upstreamOf(socket);
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
