/** How long a token lives after it was given: a push of a large image over a slow line takes that long. */
export const TOKEN_MS = 2 * 60 * 60 * 1000;

/** What clients are told: they ask for another before that. */
export const TOKEN_SAID_SECONDS = 3600;

/** Held at once; the oldest goes first. */
export const TOKENS = 10_000;

/** Of one blob or chunk, in bytes. */
export const BODY_BYTES = 64 * 1024 * 1024 * 1024;

/** Manifests are checked by name only, but passed on whole. */
export const REALM_PATH = "/v2/token";
