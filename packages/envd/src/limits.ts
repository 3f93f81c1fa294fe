/** Every bound of envd, with its unit and reason. */

/** Chunks of stdout and stderr; behaviour.md §2.4. */
export const OUTPUT_CHUNK_BYTES = 32 * 1024;
/** Chunks of a terminal. */
export const PTY_CHUNK_BYTES = 16 * 1024;
/** What one subscriber may have waiting before the process' output is no longer read. */
export const SUBSCRIBER_BUFFER_BYTES = 256 * 1024;
/** How long one reader may keep others waiting before it is cut off; a tenth of all time is forgiven. */
export const READER_HOLDS_OTHERS_MS = 10_000;
/** How long the process waits for one that takes nothing at all; a client's callback may well think for minutes. */
export const READER_STALLS_ALONE_MS = 300_000;
/** How long the end of a process can still be asked for. */
export const ENDED_KEPT_MS = 30_000;
/** After a kill, output that is already in the pipes is read until it pauses this long, */
export const DRAIN_PAUSE_MS = 25;
/** (of a terminal whose shell has exited: longer, since a worker of the kernel hands the last bytes over) */
export const PTY_DRAIN_PAUSE_MS = 100;
/** and no longer than this in all. */
export const DRAIN_TOTAL_MS = 500;
/** Between keepalives of a stream that does not ask for another interval. */
export const KEEPALIVE_DEFAULT_SECONDS = 90;
/** Longest rest before a full stdin is tried again. */
export const STDIN_RETRY_MAX_MS = 20;
/** Bodies of /init and its kind; a CA bundle is some hundred KiB at most. */
export const CONTROL_BODY_MAX_BYTES = 4 * 1024 * 1024;
/** Rest between two looks at the listening ports: short while they change, */
export const FORWARDER_BUSY_GAP_MS = 250;
/** long when they do not, */
export const FORWARDER_IDLE_GAP_MS = 1000;
/** and this long after a change counts as busy. */
export const FORWARDER_BUSY_MS = 10_000;
/** Quiet time after which memory is given back; a collection takes some 10 ms, and the next request some 3 ms more. */
export const IDLE_TRIM_AFTER_MS = 3_000;
/** A timer that runs so much too late has slept through a freeze: it starts anew. */
export const IDLE_TRIM_LATE_MS = 500;
/** One RPC message to us; what a command is fed comes in pieces far smaller than this. */
export const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
/** Answers smaller than this are not worth compressing, also when the client would take it. */
export const COMPRESS_MIN_BYTES = 16 * 1024;
