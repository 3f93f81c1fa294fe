/** Every bound of the egress proxy, with unit and reason. */
export const limits = {
  /** How long a new connection may be silent before it counts as one whose server speaks first, in milliseconds. What is
   * allowed by address alone is not held up at all; what silence would be refused for, and ports whose clients speak first,
   * wait as long as `peekWholeMs`: clients read their authorities after they have connected, which takes long on a busy host. */
  peekMs: 250,
  /** How long the beginning of a connection may take to arrive, in milliseconds. */
  peekWholeMs: 5_000,
  /** Bytes of a ClientHello or request head that are waited for; beyond it the connection has no name. */
  peekBytes: 65_536,
  /** Open connections of one sandbox; beyond it new ones are reset. Each costs two of the node's descriptors. */
  connectionsPerSandbox: 1_024,
  /** Open connections of all sandboxes together; beyond it new ones are reset. */
  connections: 6_000,
  /** One attempt to connect to an address, in milliseconds. */
  dialMs: 10_000,
  /** Addresses of a name that are tried, in the order of the answer. */
  dialAddresses: 3,
  /** The whole of a SOCKS5 greeting, login and request, in milliseconds. */
  socksMs: 10_000,
  /** TLS towards the destination, in milliseconds. */
  handshakeMs: 10_000,
  /** Idle connections are probed after this, in milliseconds; dead peers are found that way. */
  keepAliveMs: 60_000,
  /** Head of an HTTP request that is read, in bytes, and its header lines. */
  headBytes: 65_536,
  headLines: 256,
  /** Bytes of a request that wait while its header values are fetched. */
  heldBytes: 1024 * 1024,
  /** Connections kept in a sandbox's log; the oldest goes first. */
  logEntries: 1_000,
  values: {
    /** How long the current value of a secret is used before it is asked for again, in milliseconds: a replaced or deleted
     * one is out of use after that. */
    secretMs: 2_000,
    /** How long a known value is used on while the control plane does not answer, in milliseconds. */
    staleMs: 60_000,
    /** A token is asked for anew when it is good for less than this, in milliseconds. */
    tokenSpareMs: 60_000,
    /** One question, in milliseconds. */
    askMs: 3_000,
  },
  /** Life of the installation's authority, and of the certificates made by it for one domain, in milliseconds. */
  authorityMs: 10 * 365 * 86_400_000,
  leafMs: 7 * 86_400_000,
  /** Certificates kept; the oldest goes first. */
  leaves: 256,
} as const;
