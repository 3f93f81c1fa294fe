/** What an outlet needs of a socket. `write` takes what the kernel has room for and says how much; -1 when it is closed. */
export type RawSocket = {
  write(bytes: Uint8Array): number;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  terminate(): void;
  shutdown(): void;
};

/** Writes to a socket in order and says when its reader is slow. Never drops a byte while the socket lives. */
export class Outlet {
  readonly #socket: RawSocket;
  readonly #onRoom: () => void;
  #queue: Uint8Array[] = [];
  #ending: "close" | "half" | undefined;

  /** @param onRoom runs when all that was queued has gone out */
  constructor(socket: RawSocket, onRoom: () => void) {
    this.#socket = socket;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#queue.length > 0;
  }

  /** The caller gives `bytes` away. @returns whether there is room for more; if not, pause the source until `onRoom` */
  write(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return !this.isFull;
    if (this.isFull) {
      this.#queue.push(bytes);
      return false;
    }
    const taken = this.#socket.write(bytes);
    if (taken < 0 || taken === bytes.length) return true; // a closed socket tells by its own event
    this.#queue.push(bytes.subarray(taken));
    return false;
  }

  /** To be called when the socket can take more. */
  drain(): void {
    if (!this.isFull) return;
    while (this.#queue.length > 0) {
      const next = this.#queue[0] as Uint8Array;
      const taken = this.#socket.write(next);
      if (taken < 0) {
        this.#queue = [];
        return;
      }
      if (taken < next.length) {
        this.#queue[0] = next.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    if (this.#ending === undefined) this.#onRoom();
    else this.#end(this.#ending);
  }

  /** Closes once all has gone out; `half` goes on reading. */
  end(how: "close" | "half"): void {
    if (this.isFull) this.#ending = how;
    else this.#end(how);
  }

  #end(how: "close" | "half"): void {
    if (how === "half") this.#socket.shutdown();
    else this.#socket.end();
  }
}
