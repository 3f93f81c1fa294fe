/** Bounds. A caller that cannot be served within those of the pool gets Fault `db_unavailable`. */
export const limits = {
  connections: 10,
  connectMs: 3_000,
  idleMs: 60_000,
  queryMs: 10_000,
  /** Metrics and logs are forgotten day by day after this. */
  observationsKeptDays: 7,
  /** Rows of one answer of metrics: a week in the widest buckets, an hour in the narrowest. */
  metricRows: 4_096,
} as const;
