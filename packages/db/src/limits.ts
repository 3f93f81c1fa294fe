/** Bounds of the pool. A caller that cannot be served within them gets Fault `db_unavailable`. */
export const limits = {
  connections: 10,
  connectMs: 3_000,
  idleMs: 60_000,
  queryMs: 10_000,
} as const;
