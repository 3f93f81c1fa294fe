/** Bounds of watching, with their reasons and what happens at each. */

/**
 * Events one watcher holds for a reader that is slow or polls seldom. At the limit the watcher breaks: what is held is
 * dropped, and its reader gets an error instead of a history with a hole in it.
 */
export const HELD_EVENTS = 32_768;
/** Watchers at once; a further one is refused. Each takes one of the kernel's inotify instances (128 by default). */
export const WATCHERS = 512;
/** Directories of one recursive watch; a tree with more is refused, or breaks the watcher when it grows to it. */
export const WATCHED_DIRECTORIES = 65_536;
/** How long a directory that was moved out of sight may turn up elsewhere in the tree before it is given up. */
export const MOVE_SETTLE_MS = 50;
