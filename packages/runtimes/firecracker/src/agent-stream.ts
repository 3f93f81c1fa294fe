/** The way to a guest's agent: Firecracker's vsock, a unix socket on which one says first which port is wanted. */
import { connect, type Socket } from "node:net";
import { AGENT_VSOCK_PORT, type AgentStream, microvmFaults } from "@sandlot/runtime-microvm";
import { INSIDE } from "./api/boot-requests";
import { openJailedSocket } from "./jail/jailed-socket";

const ANSWER_MAX_BYTES = 64;

/**
 * @param root what Firecracker sees as `/`
 * @throws Fault `microvm_agent_gone` when Firecracker, or nobody in the guest, takes the connection
 */
export async function connectVsock(root: string, signal: AbortSignal): Promise<AgentStream> {
  signal.throwIfAborted();
  let socket: Socket | undefined;
  const abort = (): void => void socket?.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    using place = openJailedSocket(root, INSIDE.agent);
    socket = connect({ path: place.path });
    return new SocketStream(socket, await handshake(socket));
  } catch (thrown) {
    socket?.destroy();
    signal.throwIfAborted();
    throw microvmFaults.agent_gone({ reason: (thrown as Error).message }, thrown);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** @returns what came after the answer's line already */
function handshake(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let said = Buffer.alloc(0);
    const settle = (done: () => void): void => {
      socket.off("data", onData).off("close", onClose).off("error", onError);
      done();
    };
    const onError = (thrown: Error): void => settle(() => reject(thrown));
    const onClose = (): void => settle(() => reject(new Error("nobody in the guest listens")));
    const onData = (bytes: Buffer): void => {
      said = Buffer.concat([said, bytes]);
      const end = said.indexOf("\n");
      if (end < 0 && said.length < ANSWER_MAX_BYTES) return;
      const line = said.toString("latin1", 0, Math.max(end, 0));
      socket.pause();
      settle(() => (/^OK \d+$/.test(line) ? resolve(said.subarray(end + 1)) : reject(new Error("it answered no OK"))));
    };
    socket.on("data", onData).once("close", onClose).once("error", onError);
    socket.once("connect", () => socket.write(`CONNECT ${AGENT_VSOCK_PORT}\n`));
  });
}

class SocketStream implements AgentStream {
  onData: (bytes: Uint8Array) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  readonly #socket: Socket;

  constructor(socket: Socket, first: Buffer) {
    this.#socket = socket;
    let reason = "the guest hung up";
    socket.on("error", (thrown) => {
      reason = thrown.message;
    });
    socket.on("close", () => this.onClose(reason));
    socket.on("data", (bytes: Buffer) => this.onData(bytes));
    // Whoever asked for the stream has set its ears by then.
    setImmediate(() => {
      if (first.length > 0) this.onData(first);
      socket.resume();
    });
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}
