/** The unix socket at which a hypervisor shows a guest's serial port. It serves one client at a time. */
import { connect } from "node:net";
import { microvmFaults } from "../faults";
import type { AgentStream, ConnectAgent } from "./types";

/** @returns what opens a stream of its own at each call; rejects with Fault `microvm_agent_gone` when nobody listens */
export function unixSocketStream(path: string): ConnectAgent {
  return (signal) =>
    new Promise<AgentStream>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const socket = connect({ path });
      const stream: AgentStream = {
        write: (bytes) => void socket.write(bytes),
        onData: () => undefined,
        onClose: () => undefined,
        close: () => void socket.destroy(),
      };
      const stop = (): void => {
        socket.destroy();
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      socket.once("connect", () => {
        signal.removeEventListener("abort", stop);
        resolve(stream);
      });
      socket.on("data", (bytes: Buffer) => stream.onData(bytes));
      socket.on("error", (error) => {
        signal.removeEventListener("abort", stop);
        reject(microvmFaults.agent_gone({ reason: error.message }, error));
        stream.onClose(error.message);
      });
      socket.on("close", () => stream.onClose("the line was closed"));
    });
}
