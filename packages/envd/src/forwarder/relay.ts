/** One connection passed on byte by byte: back-pressure both ways, and each side may finish sending before the other. */
import type { Socket } from "bun";

/** One of the two ends. What could not be written yet waits in `rest`, and the other end is not read meanwhile. */
type End = {
  socket: Socket<Relay> | undefined;
  rest: Uint8Array[];
  /** The other end has finished sending: ours is shut once `rest` is out. */
  isFinishing: boolean;
};

export class Relay {
  readonly near: End = { socket: undefined, rest: [], isFinishing: false };
  readonly far: End = { socket: undefined, rest: [], isFinishing: false };

  received(from: Socket<Relay>, bytes: Uint8Array): void {
    const to = this.#opposite(from);
    // Bun reuses the buffer after the call.
    if (to.rest.length > 0 || to.socket === undefined) to.rest.push(bytes.slice());
    else {
      const written = Math.max(to.socket.write(bytes), 0);
      if (written < bytes.byteLength) to.rest.push(bytes.slice(written));
    }
    if (to.rest.length > 0) from.pause();
  }

  /** The end can take more, or has just been connected. */
  drained(end: End): void {
    const { socket } = end;
    if (socket === undefined) return;
    for (let next = end.rest[0]; next !== undefined; next = end.rest[0]) {
      const written = Math.max(socket.write(next), 0);
      if (written < next.byteLength) {
        end.rest[0] = next.subarray(written);
        return;
      }
      end.rest.shift();
    }
    if (end.isFinishing) socket.shutdown();
    (end === this.near ? this.far : this.near).socket?.resume();
  }

  finished(from: Socket<Relay>): void {
    const to = this.#opposite(from);
    to.isFinishing = true;
    if (to.rest.length === 0) to.socket?.shutdown();
  }

  /** One end is gone for good; so is the other, after what it still has to be given. */
  closed(from: Socket<Relay>): void {
    const to = this.#opposite(from);
    if (to.rest.length === 0) to.socket?.end();
    else to.isFinishing = true;
  }

  endOf(socket: Socket<Relay>): End {
    return this.near.socket === socket ? this.near : this.far;
  }

  cut(): void {
    this.near.socket?.terminate();
    this.far.socket?.terminate();
  }

  #opposite(from: Socket<Relay>): End {
    return this.near.socket === from ? this.far : this.near;
  }
}
