/** One socket with its events in one place and writes that never lose a byte. */
import { Outlet } from "@sandlot/proxy/http";
import type { Socket, SocketHandler } from "bun";

export type WireEvents = {
  data(bytes: Buffer): void;
  /** All that was written has gone out. */
  drained(): void;
  /** The peer has ended its half. */
  ended(): void;
  /** Once, at the very end. `isReset`: the peer vanished instead of ending. */
  closed(isReset: boolean): void;
};

const DEAF: WireEvents = {
  data: () => undefined,
  drained: () => undefined,
  ended: () => undefined,
  closed: () => undefined,
};

export class Wire {
  events: WireEvents = DEAF;
  readonly #socket: Socket<WireData>;
  readonly #outlet: Outlet;
  #hasEnded = false;
  #isHalfClosed = false;
  #isReset = false;
  readonly #atEnd: (() => void)[] = [];
  isClosed = false;

  constructor(socket: Socket<WireData>) {
    this.#socket = socket;
    this.#outlet = new Outlet(socket, () => this.events.drained());
  }

  get socket(): Socket<WireData> {
    return this.#socket;
  }

  /** @returns whether there is room for more; if not, pause the source until `drained` */
  write(bytes: Uint8Array): boolean {
    return this.isClosed ? true : this.#outlet.write(bytes);
  }

  /** Ends our half once all has gone out; the whole when the peer's has ended already. */
  finish(): void {
    if (this.isClosed || this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    this.#outlet.end(this.#hasEnded ? "close" : "half");
  }

  /** Closes once all has gone out. */
  close(): void {
    if (this.isClosed) return;
    this.#isHalfClosed = true;
    this.#outlet.end("close");
  }

  /** Runs at the very end, after the events' own `closed`. */
  onceClosed(work: () => void): void {
    this.#atEnd.push(work);
  }

  /** Resets the connection now. */
  terminate(): void {
    if (!this.isClosed) this.#socket.terminate();
  }

  pause(): void {
    if (!this.isClosed) this.#socket.pause();
  }

  resume(): void {
    if (!this.isClosed) this.#socket.resume();
  }

  /** For the handler below. */
  readonly feed = {
    data: (bytes: Buffer): void => this.events.data(bytes),
    drain: (): void => this.#outlet.drain(),
    end: (): void => {
      if (this.#hasEnded) return;
      this.#hasEnded = true;
      this.events.ended();
      // Both halves have ended: nothing will come that could close it.
      if (this.#isHalfClosed && !this.isClosed) this.#outlet.end("close");
    },
    error: (): void => {
      this.#isReset = true;
    },
    close: (): void => {
      if (this.isClosed) return;
      this.isClosed = true;
      this.events.closed(this.#isReset || !this.#hasEnded);
      for (const work of this.#atEnd) work();
    },
  };
}

export type WireData = { wire?: Wire };

/** Handlers for sockets whose data holds their wire. */
export const WIRED: SocketHandler<WireData> = {
  data: ({ data }, bytes) => data.wire?.feed.data(bytes),
  drain: ({ data }) => data.wire?.feed.drain(),
  end: ({ data }) => data.wire?.feed.end(),
  error: ({ data }) => data.wire?.feed.error(),
  close: ({ data }) => data.wire?.feed.close(),
};

/** Passes everything between two wires, each slowed down by the other's reader. */
export function relay(
  a: Wire,
  b: Wire,
  on: { aToB(bytes: number): void; bToA(bytes: number): void; closed(): void },
): void {
  let open = 2;
  const one = (from: Wire, to: Wire, count: (bytes: number) => void): WireEvents => ({
    data: (bytes) => {
      count(bytes.length);
      if (!to.write(bytes)) from.pause();
    },
    drained: () => to.resume(),
    ended: () => to.finish(),
    closed: (isReset) => {
      if (isReset) to.terminate();
      else to.close();
      open -= 1;
      if (open === 0) on.closed();
    },
  });
  a.events = one(a, b, on.aToB);
  b.events = one(b, a, on.bToA);
  for (const [gone, other] of [
    [a, b],
    [b, a],
  ] as const)
    if (gone.isClosed) {
      open -= 1;
      other.terminate();
      if (open === 0) on.closed();
    }
}
