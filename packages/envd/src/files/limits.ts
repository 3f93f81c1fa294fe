/** Every bound of the file calls, with its reason. */

/** One read or write between disk and wire: large enough for throughput, small enough that many downloads fit. */
export const CHUNK_BYTES = 256 * 1024;
/** A download up to here is read whole and answered with its length; a longer one is streamed in chunks. */
export const WHOLE_ANSWER_BYTES = 1024 * 1024;
/** Of a file beyond WHOLE_ANSWER_BYTES this much is compressed for trial before gzip is chosen, */
export const GZIP_TRIAL_BYTES = 64 * 1024;
/** which must shrink it to this share at least: compressing media and archives costs a core and gains nothing. */
export const GZIP_WORTH_SHARE = 0.95;
/** An upload up to here is collected first and then written in one step, so that no reader sees it half written. */
export const WHOLE_WRITE_BYTES = 256 * 1024;
/** An upload whose sender is silent for this long ends with 400, so that it cannot keep others off the file. */
export const UPLOAD_IDLE_MS = 120_000;
/** Headers of one multipart part; browsers and clients send a few hundred bytes. */
export const PART_HEADERS_BYTES = 32 * 1024;
export const MULTIPART_PARTS = 10_000;
export const BOUNDARY_BYTES = 200;
/** Body of a compose request: room for some ten thousand paths. */
export const COMPOSE_BODY_BYTES = 4 * 1024 * 1024;
