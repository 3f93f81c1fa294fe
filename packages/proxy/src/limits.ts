/** Every bound of a proxy. At a bound: heads are answered 431, slow heads and idle connections closed, readers paused. */
export const limits = {
  /** Request line and headers together. */
  headBytes: 64 * 1024,
  headerCount: 256,
  /** From the first byte of a head to its last: a client that trickles is cut. */
  headMs: 30_000,
  /** A client connection between two requests; longer than any load balancer's. */
  clientIdleMs: 630_000,
  /** A kept upstream connection; shorter than `clientIdleMs` of whoever is upstream. */
  upstreamIdleMs: 610_000,
  /** Kept upstream connections to one address. */
  idlePerUpstream: 4_096,
  dialMs: 30_000,
  /** Between keepalive probes of a connection that is silent. */
  tcpProbeMs: 20_000,
  /** Bytes read ahead for a side that is not taking them; then its source is paused. */
  readAheadBytes: 256 * 1024,
  /** How long a refused request's unread body is taken in and thrown away, so that the answer is not lost to a reset. */
  lingerMs: 2_000,
  /** Requests at once on one HTTP/2 connection. */
  h2Streams: 1_000,
  /** What a client may send of one request before we have taken any. */
  h2WindowBytes: 1024 * 1024,
  /** The same of all requests on its connection. */
  h2ConnectionWindowBytes: 8 * 1024 * 1024,
  /** Requests that one HTTP/2 connection may break off in its life; then it is closed. */
  h2Resets: 10_000,
  /** Client connections, HTTP/2 requests counted as such; more are closed at once. */
  connections: 50_000,
} as const;

export type ProxyLimits = { readonly [K in keyof typeof limits]: number };
