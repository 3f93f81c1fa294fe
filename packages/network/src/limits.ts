/** Every bound of the room, with unit and reason. */
export const limits = {
  /** Live connections of one sandbox, closing ones included, where nothing else is configured. Beyond it new ones are
   * dropped, so that one guest cannot fill the host's connection table (262,144 entries by default). */
  flowsPerSlot: 8192,
  /** DNS packets a sandbox may send before its own namespace drops them, per second; the resolver's own limit is lower. */
  dnsPacketsPerSecond: 1000,
  /** Slots made by one run of `ip`; small, so that the first of a burst are handed out early. */
  makeBatch: 4,
  /** Batches made at the same time; two cores gain nothing from more. */
  makeWorkers: 2,
  /** Batches in a row that may fail before everyone who waits for a slot is told. */
  makeFailures: 3,
  /** Rest after that many failures before the next try, in milliseconds. */
  makeRetryMs: 5_000,
  /** Slots destroyed by one run of `ip`. */
  destroyBatch: 32,
  /** How long one run of ip, nft or ss may take, in milliseconds; then it is killed and counts as failed. */
  commandMs: 15_000,
  /** How long the socket that changed a slot's sets is kept, in milliseconds; longer than the kernel needs to free what was taken out. */
  setsOpenMs: 300,
  /** How often the host's own networks are looked at, in milliseconds. */
  hostWatchMs: 5_000,
  dns: {
    /** Bytes of one query; a question and an OPT record fit many times over. Longer ones are dropped. */
    queryBytes: 1024,
    /** Queries of one sandbox that wait for an upstream; beyond it SERVFAIL. */
    inFlightPerSource: 64,
    /** Queries that wait for an upstream, all sandboxes together; beyond it SERVFAIL. */
    inFlight: 1024,
    /** Labels of a name, and its characters; longer ones are refused: names people use are far shorter, tunnels' are not. */
    labels: 20,
    nameChars: 200,
    /** Different names below one domain (its last two labels) that one sandbox may look up within a minute, answered from the
     * cache or not; more are refused. What a tunnel sends are names that nobody asked before. */
    namesPerDomain: 300,
    /** Domains of one sandbox that are counted at once; the oldest is forgotten. */
    domainsCounted: 512,
    /** Queries per second of one sandbox, and how many it may save up; beyond it SERVFAIL. Also narrows DNS tunnels. */
    ratePerSecond: 200,
    rateBurst: 400,
    /** Open TCP connections of one sandbox to the resolver; beyond it new ones are closed. */
    tcpPerSource: 8,
    /** An idle TCP connection is closed after this, in milliseconds. */
    tcpIdleMs: 10_000,
    /** Wait for one upstream's answer, in milliseconds; then the next is asked. */
    upstreamMs: 2_000,
    /** Rounds over all upstreams before SERVFAIL; stock stubs give up after 5 s anyway. */
    upstreamRounds: 2,
    /** Answers kept; the oldest goes first. */
    cacheEntries: 4096,
    /** An answer is kept no longer than this, whatever its TTL says, in seconds. */
    cacheSeconds: 300,
    /** A "no such name" is kept no longer than this, in seconds. */
    negativeSeconds: 30,
    /** Sources remembered for rate limits; the longest unseen is forgotten. */
    sources: 4096,
  },
} as const;
