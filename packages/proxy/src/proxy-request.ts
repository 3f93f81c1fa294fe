import type { HeaderList } from "./http/headers";

/** The head of a request, as a proxy's owner decides on it. */
export type ProxyRequest = {
  readonly method: string;
  /** Path and query exactly as sent, or `*`; an absolute target has been reduced to this. */
  readonly target: string;
  /** Exactly as sent; "" when an HTTP/1.0 client sent none. */
  readonly host: string;
  readonly headers: HeaderList;
  readonly remoteAddress: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
};

/** A whole answer of the proxy's own. Content-Length and Date are added. */
export type Answer = {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
};

/** `refused`: nobody listens there. `unreachable`: no route or no answer to the dial. `no_answer`: taken, then closed without a word. */
export type ForwardFailure = "refused" | "unreachable" | "no_answer";

export type Forward = {
  readonly kind: "forward";
  /** An IP address; never taken from the request. */
  readonly address: string;
  readonly port: number;
  /** What `cut` ends and `connectionCount` counts. */
  readonly key: string;
  /** The client asked for this protocol and gets the plain connection, about which the other end is told nothing. */
  readonly tunnel?: string | undefined;
  /** In place of the client's Host. */
  readonly host?: string | undefined;
  /** In place of the client's path and query. */
  readonly target?: string | undefined;
  /** Ends the request or tunnel at this time, whatever it is doing. */
  readonly untilMs?: number | undefined;
  /** Do not go on. In lower case. */
  readonly dropHeaders?: readonly string[] | undefined;
  /** Replace headers of the same names. */
  readonly setHeaders?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Connections may be used again for any request to this address. Never towards guests, whose addresses are reused. */
  readonly keepAlive: boolean;
  /** Waits before the second, third, … dial when the first is refused. Nothing of the request has been sent by then. */
  readonly redialAfterMs?: readonly number[] | undefined;
  /** At most so many requests and tunnels of `key` at once. */
  readonly connectionLimit?: { readonly count: number; readonly answer: () => Answer } | undefined;
  /** Answers a request of which no answer came back. */
  readonly onFailure: (failure: ForwardFailure) => Answer;
};

export type Decision = { readonly kind: "answer"; readonly answer: Answer } | Forward;
