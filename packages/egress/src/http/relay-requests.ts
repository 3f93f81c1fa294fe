import { FramingError, type RequestHead } from "@sandlot/proxy/http";
import { limits } from "../limits";
import type { Wire } from "../wire/wire";
import { ownAnswer, Refusal, RequestStream } from "./request-stream";

export type RelayRequests = {
  readonly name: string;
  readonly headers: () => readonly (readonly [string, string])[] | Promise<readonly (readonly [string, string])[]>;
  readonly onRequest: (head: RequestHead) => void;
  readonly onRefusal: (reason: string, host: string | undefined) => void;
  readonly onSent: (bytes: number) => void;
  readonly onReceived: (bytes: number) => void;
  readonly onClosed: () => void;
};

/** As `relay`, but what the client sends is read as requests for one host, and ends where it is none. */
export function relayRequests(
  client: Wire,
  server: Wire,
  of: RelayRequests,
): { readonly push: (bytes: Buffer) => void } {
  let isServerFull = false;
  let open = 2;
  const stream = new RequestStream({
    name: of.name,
    headers: of.headers,
    onRequest: of.onRequest,
    forward: (bytes) => {
      of.onSent(bytes.length);
      if (server.write(bytes)) return;
      isServerFull = true;
      client.pause();
    },
  });
  const fail = (thrown: unknown): void => {
    const { status, text, reason } = readFailure(thrown);
    of.onRefusal(reason, thrown instanceof Refusal ? thrown.host : undefined);
    client.write(ownAnswer(status, text));
    client.close();
    server.terminate();
  };
  const release = (): void => {
    if (!isServerFull && stream.heldBytes <= limits.heldBytes) client.resume();
  };
  const push = (bytes: Buffer): void => {
    stream.take(bytes).then(release, fail);
    if (stream.heldBytes > limits.heldBytes) client.pause();
  };
  const gone = (other: Wire, isReset: boolean): void => {
    if (isReset) other.terminate();
    else other.close();
    open -= 1;
    if (open === 0) of.onClosed();
  };
  client.events = {
    data: push,
    drained: () => server.resume(),
    ended: () => server.finish(),
    closed: (isReset) => gone(server, isReset),
  };
  server.events = {
    data: (bytes) => {
      of.onReceived(bytes.length);
      if (stream.isWaiting) stream.answered(bytes).then(release, fail);
      if (!client.write(bytes)) server.pause();
    },
    drained: () => {
      isServerFull = false;
      release();
    },
    ended: () => client.finish(),
    closed: (isReset) => gone(client, isReset),
  };
  if (client.isClosed) gone(server, true);
  if (server.isClosed) gone(client, true);
  return { push };
}

function readFailure(thrown: unknown): { status: number; text: string; reason: string } {
  if (thrown instanceof Refusal) return { status: thrown.status, text: thrown.message, reason: thrown.reason };
  if (thrown instanceof FramingError) return { status: thrown.status, text: "bad request", reason: "bad_request" };
  return { status: 502, text: "cannot forward this request", reason: "broken" };
}
