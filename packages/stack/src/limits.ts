/** Every bound of the stack, with its unit and reason. */

/** A service that has not answered by then never will: a cold start is under two seconds on two cores. */
export const SERVICE_READY_WITHIN_MS = 60_000;
/** Long enough to answer what is in flight; a sandbox is never ended by this. */
export const SERVICE_GRACE_MS = 10_000;
/** How soon a crashed service is noticed. Reading five small files costs some 50 microseconds. */
export const WATCH_GAP_MS = 200;
/** Of something else that holds a port a person is told after that; what only dies has given it back long before. */
export const PORT_FREE_WITHIN_MS = 2_000;
export const PORT_CHECK_GAP_MS = 50;
/** First restart at once, then with growing gaps, so that a service that cannot start does not burn the machine. */
export const RESTART_GAPS_MS = [0, 1_000, 2_000, 5_000, 10_000, 30_000] as const;
/** A service that lived this long gets its first restart at once again. */
export const STABLE_AFTER_MS = 60_000;
/** Per service: the log and one older one. */
export const LOG_LIMIT_BYTES = 16 * 1024 * 1024;
export const LOG_CHECK_GAP_MS = 10_000;
/** The sweep ends up to 200 machines and removes their slots. */
export const SWEEP_WITHIN_MS = 120_000;
