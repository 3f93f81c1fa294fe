/** One ZeroMQ connection to a kernel: dialled, greeted, then messages both ways until either side closes. */
import { connect, type Socket } from "node:net";
import { MESSAGE_BYTES } from "../limits";
import { checkGreeting, encodeMessage, FrameReader, GREETING_BYTES, greeting, readyCommand } from "./frames";

export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

export type ZmtpSocket = Disposable & {
  send(parts: readonly Buffer[]): void;
};

export type ZmtpParts = {
  readonly type: "DEALER" | "SUB";
  readonly onMessage: (parts: Buffer[]) => void;
  /** Once, when the connection has ended by itself. */
  readonly onClose: (why: Error | undefined) => void;
};

/** @throws the connection's error, or Fault `code_bad_frame`, before the handshake is done */
export function openZmtp(address: Address, of: ZmtpParts): Promise<ZmtpSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.setNoDelay(true);
    let isReady = false;
    let isDropped = false;
    let failure: Error | undefined;
    const receive = receiver(socket, of, () => {
      isReady = true;
      resolve({
        send: (parts) => void socket.write(encodeMessage(parts)),
        [Symbol.dispose]() {
          isDropped = true;
          socket.destroy();
        },
      });
    });
    socket.on("connect", () => socket.write(greeting()));
    socket.on("data", (chunk: Buffer) => {
      try {
        receive(chunk);
      } catch (thrown) {
        failure = thrown as Error;
        socket.destroy();
      }
    });
    socket.on("error", (thrown) => {
      failure ??= thrown;
    });
    socket.on("close", () => {
      if (!isReady) reject(failure ?? new Error("the kernel closed the connection while it was made"));
      else if (!isDropped) of.onClose(failure);
    });
  });
}

/** Greeting, the other side's READY, messages: in that order. */
function receiver(socket: Socket, of: ZmtpParts, onReady: () => void): (chunk: Buffer) => void {
  const reader = new FrameReader(MESSAGE_BYTES);
  let state: "greeting" | "ready" | "open" = "greeting";
  let parts: Buffer[] = [];
  return (chunk) => {
    reader.push(chunk);
    if (state === "greeting") {
      const bytes = reader.take(GREETING_BYTES);
      if (bytes === undefined) return;
      checkGreeting(bytes);
      socket.write(readyCommand(of.type));
      state = "ready";
    }
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      if (frame.isCommand) {
        if (state === "ready") {
          state = "open";
          if (of.type === "SUB") socket.write(encodeMessage([Buffer.of(1)])); // everything
          onReady();
        }
        continue;
      }
      parts.push(frame.body);
      if (frame.hasMore) continue;
      const whole = parts;
      parts = [];
      of.onMessage(whole);
    }
  };
}
