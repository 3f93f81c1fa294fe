/** How finely numbers over time are answered (behaviour §1.6). */

const HOUR_S = 3_600;

/** Up to, but not with, so many seconds of range: buckets of so many. */
const BUCKETS: readonly (readonly [rangeS: number, bucketS: number])[] = [
  [HOUR_S, 5],
  [6 * HOUR_S, 30],
  [12 * HOUR_S, 60],
  [24 * HOUR_S, 120],
  [7 * 24 * HOUR_S, 300],
];

/** Seconds that one row stands for when a range of so many seconds is asked for. */
export function bucketSeconds(rangeS: number): number {
  return BUCKETS.find(([belowS]) => rangeS < belowS)?.[1] ?? 900;
}
