const DAY_MS = 24 * 3_600_000;

/** Every bound of names and certificates. */
export const limits = {
  /** Of the installation's own authority. */
  authorityMs: 3_650 * DAY_MS,
  /** Of a certificate it issues; clients of some systems refuse more than 398 days. */
  leafMs: 90 * DAY_MS,
  /** A certificate is renewed when less than this share of its time is left. */
  renewAtShare: 1 / 3,
  /** Between two looks at what is due. */
  lookMs: 3_600_000,
  /** Rests after failed orders, the last for all further ones: public authorities count failures. */
  retryAfterMs: [60_000, 300_000, 1_800_000, 7_200_000],
  /** One run of the DNS hook, waiting for the name servers included. */
  hookMs: 300_000,
  /** Of one answer of the name server. */
  nameTtlSeconds: 60,
  /** A DNS question over TCP: connections at once, and how long each may be silent. */
  dnsConnections: 64,
  dnsIdleMs: 10_000,
} as const;
