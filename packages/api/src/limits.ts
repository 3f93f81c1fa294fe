/** Every bound of the api. */
export const limits = {
  /** Body of a request; beyond it 413. */
  bodyBytes: 16 * 1024 * 1024,
  /** A body that has not arrived by then is refused. */
  bodyReadMs: 10_000,
  /** A connection without any traffic; above the longest start, so that a slow create is not cut. */
  idleSeconds: 120,
  /** Shutting down waits this long for requests in flight. */
  drainMs: 6_000,
  /** How long a looked-up key may be trusted; a deleted key stops working within this. */
  authCacheMs: 1_000,
  /** Keys remembered at once; beyond it the oldest are forgotten. */
  authCacheKeys: 10_000,

  /** How often every node is asked how it is. */
  nodePollMs: 1_000,
  nodePollDeadlineMs: 3_000,
  /** Starts that one node works on at once; the rest wait in line. */
  startsPerNode: 16,
  /** Starts that may wait in line over all nodes; the next one gets 503. */
  startQueue: 256,
  /** Waiting in line, or for a node to have room again. */
  startQueueMs: 30_000,
  /** One start on one node. */
  startMs: 60_000,
  /** Nodes tried before a start is given up; a node without room does not count. */
  startAttempts: 3,
  /** Rest before a node without room, or one that is away, is asked again. */
  nodeRestMs: 200,
  /** How long a start waits for a node to come back when none is ready. */
  nodeReturnMs: 5_000,
  /** Random nodes of which the least loaded is taken. */
  placementChoices: 3,
  /** Ending a sandbox on its node. */
  endMs: 30_000,
  /** One request to seal a sandbox; a large memory takes a while to write. */
  sealMs: 120_000,
  /** A node that does not say whether it has sealed is asked again for so long before the caller is told so. */
  sealAgainMs: 6_000,
  sealAgainRestMs: 500,
  /** A pause at the end of its time that its node could not carry out is tried again after this. */
  autoPauseRestMs: 15_000,
  /** Past the longest life its team may have, for so long; then it is killed. A node's full disk is to be mended within. */
  autoPauseGiveUpMs: 24 * 3_600_000,
  /** A build that nothing refers to yet is kept this long: its fork or snapshot may still be under way. */
  buildHoldS: 900,
  /** Removing builds on a node. */
  deleteBuildsMs: 30_000,
  /** How often builds are looked for that nothing refers to, and how many are removed at once. */
  collectMs: 30_000,
  collectBatch: 200,
  /** How often pauses and resumes are looked for whose api has died, once they are this old. */
  settleMs: 5_000,
  settleAfterS: 5,
  settleBatch: 100,
  /** One wait for a change of state under way, and how many of them a connect bears. */
  transitionWaitMs: 60_000,
  transitionWaits: 3,
  /** Rest before work is looked at again whose owner has died. */
  orphanRestMs: 1_000,
  /** Children of one fork that are started at once. */
  forkAtOnce: 16,
  /** Telling a node a new end time or new rules. */
  updateMs: 5_000,

  /** Sandboxes ended at once because their time is over. */
  expiriesAtOnce: 32,
  expiryBatch: 256,
  /** The expiry index is looked at this often even when no timer says so: other replicas change it too. */
  expiryLookMs: 5_000,
  /** A record or sandbox must be out of step in two rounds so far apart before anything is done about it. */
  syncMs: 2_000,
  /** A record so young is never dropped. */
  syncGraceMs: 5_000,
  /** How long it is remembered that a sandbox was ended here, so that a late node does not bring it back. */
  endedMemoryMs: 600_000,

  /** How often nodes are asked what they measured; the first row of a sandbox is there within seconds of its start. */
  observeMs: 1_500,
  /** Lifecycle lines are written in batches; so many may wait while the database is away, older ones are given up. */
  logFlushMs: 250,
  logLinesWaiting: 10_000,
  logBatch: 1_000,
  /** Teams' sandboxes are counted at whole multiples of this. */
  teamCountMs: 10_000,
  /** How often days are made and forgotten. */
  rollMs: 3 * 3_600_000,
  /** Logs are read over this range at most. */
  logWindowMs: 7 * 24 * 3_600_000,
  logLinesDefault: 1_000,
  /** Sandboxes that one admin call ends at once. */
  adminKillsAtOnce: 10,
  /** How long a workload token is good for, in seconds. Nodes ask for a new one in time. */
  identityTokenS: 300,
  /** How long the keys that sign them are kept in memory before they are read again. */
  identityKeysMs: 60_000,
  /** How long a new one is published before it signs: what verifiers (300 s, by our own headers) and we keep has to lapse. */
  identityPublishMs: 360_000,
  /** How old the admin's counts may be. */
  adminCountsMs: 5_000,

  /** Telling a builder what to build. */
  buildCreateMs: 10_000,
  /** How long a builder may hold a question about a build until there is something new. */
  buildPollMs: 10_000,
  buildEntriesAtOnce: 1_000,
  buildRetryMs: 500,
  /** How often the database is asked which builds are under way: those of other replicas, and of before a restart. */
  buildLookMs: 1_000,
  /** So long a builder may not know a build yet that was just started. */
  buildStartGraceMs: 5_000,
  /** A builder that has not answered for so long has lost its builds. */
  builderSilentMs: 120_000,
  /** A build that was registered and never started fails then. */
  buildWaitingMs: 40 * 60_000,
  buildCancelMs: 60_000,
  buildLogDays: 30,
  /** How long a link for an upload is good. */
  uploadLinkMs: 30 * 60_000,
  /** One upload, compressed as it comes. */
  uploadBytes: 5 * 1024 ** 3,
  uploadMs: 3_600_000,
} as const;
