/** The three channels to one kernel that this server uses, and who waits for which answer. */
import { randomUUID } from "node:crypto";
import { sleep } from "@sandlot/lifetime";
import { openZmtp, type ZmtpSocket } from "../zmtp/socket";
import type { Channel, KernelConnection } from "./connection";
import { decodeMessage, encodeRequest, type JupyterMessage, signer } from "./messages";

/** What belongs to one request: what the kernel publishes meanwhile, and its reply. */
export type Listener = (message: JupyterMessage) => void;

export type Channels = Disposable & {
  /** @returns the request's id; `listen` gets all that belongs to it until the result is disposed of */
  request(of: { channel: "shell" | "control"; type: string; content: unknown; listen: Listener }): Disposable;
};

/** How soon to look again whether a kernel that is starting listens yet. */
const DIAL_GAP_MS = 5;

/**
 * Dials until the kernel listens, then asks it until its publications arrive, since those sent before are lost.
 * @throws the signal's reason
 */
export async function openChannels(of: {
  connection: KernelConnection;
  onClose: (why: Error | undefined) => void;
  signal: AbortSignal;
}): Promise<Channels> {
  using held = new DisposableStack();
  const listeners = new Map<string, Listener>();
  const onMessage = (parts: Buffer[]): void => {
    const message = decodeMessage(parts);
    if (message !== undefined) listeners.get(message.parentId)?.(message);
  };
  const dial = async (channel: Channel, type: "DEALER" | "SUB"): Promise<ZmtpSocket> => {
    const address = of.connection.address(channel);
    for (;;) {
      const socket = await openZmtp(address, { type, onMessage, onClose: of.onClose }).catch(() => undefined);
      if (socket !== undefined) return held.use(socket);
      await sleep(DIAL_GAP_MS, of.signal);
    }
  };
  const [shell, control] = await Promise.all([
    dial("shell", "DEALER"),
    dial("control", "DEALER"),
    dial("iopub", "SUB"),
  ]);
  const sign = signer(of.connection.key);
  const session = randomUUID();
  const request: Channels["request"] = ({ channel, type, content, listen }) => {
    const id = randomUUID();
    listeners.set(id, listen);
    const socket = channel === "shell" ? shell : control;
    socket.send(encodeRequest({ sign, id, session, date: new Date().toISOString(), type, content }));
    return { [Symbol.dispose]: () => void listeners.delete(id) };
  };
  await untilPublishing(request, of.signal);
  const parts = held.move();
  return { request, [Symbol.dispose]: () => parts.dispose() };
}

/** A subscription takes effect when the kernel has seen it: asked again until both ways are proven. */
async function untilPublishing(request: Channels["request"], signal: AbortSignal): Promise<void> {
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 1_000)) {
    const seen = { reply: false, status: false };
    const both = Promise.withResolvers<void>();
    using _asked = request({
      channel: "shell",
      type: "kernel_info_request",
      content: {},
      listen(message) {
        if (message.type === "kernel_info_reply") seen.reply = true;
        if (message.type === "status") seen.status = true;
        if (seen.reply && seen.status) both.resolve();
      },
    });
    await Promise.race([both.promise, sleep(waitMs, signal)]);
    if (seen.reply && seen.status) return;
  }
}
