/** Bounds of the filesystem service, with their reasons. */

/** How long one listing or removal may hold the loop before others get their turn. */
export const SLICE_MS = 8;
/** Entries of one listing: about 100 MB of answer; more is refused as a whole rather than cut silently. */
export const LIST_ENTRIES = 250_000;
