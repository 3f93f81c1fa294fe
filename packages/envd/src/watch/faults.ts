import { defineFaults } from "@sandlot/faults";

export const watchFaults = defineFaults("watch", {
  path_missing: { kind: "missing", say: (f: { path: string }) => `path not found: ${f.path}` },
  not_directory: { kind: "invalid", say: (f: { path: string }) => `path is not a directory: ${f.path}` },
  network_mount: {
    kind: "invalid",
    say: (f: { path: string }) => `cannot watch path on network filesystem: ${f.path}`,
  },
  unknown_watcher: { kind: "missing", say: (f: { id: string }) => `watcher with id ${f.id} not found` },
  too_many_watchers: { kind: "limited", say: (f: { limit: number }) => `at most ${f.limit} watchers at once` },
  no_instances: {
    kind: "limited",
    say: (_: Record<never, never>) => "the system's inotify instances are used up (fs.inotify.max_user_instances)",
  },
  no_watches: {
    kind: "limited",
    say: (_: Record<never, never>) => "the system's inotify watches are used up (fs.inotify.max_user_watches)",
  },
  too_many_directories: {
    kind: "limited",
    say: (f: { limit: number }) => `more than ${f.limit} directories below the watched one`,
  },
  overflow: {
    kind: "broken",
    say: (f: { held: number }) => `events were lost: more than ${f.held} were waiting to be read`,
  },
  kernel_overflow: {
    kind: "broken",
    say: (_: Record<never, never>) => "events were lost: the kernel's queue overflowed",
  },
  failed: { kind: "broken", say: (f: { problem: string }) => `watching failed: ${f.problem}` },
});
