import type { RawSocket } from "./outlet";

/** A client's end, whatever carries it: a TCP socket, one inside TLS, or one stream of an HTTP/2 connection. */
export type ClientSocket = RawSocket & { readonly remoteAddress: string };
