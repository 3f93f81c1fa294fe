import { defineFaults } from "@sandlot/faults";

/** How reading and writing artifacts fails, the same for every kind of store. */
export const storageFaults = defineFaults("storage", {
  missing: { kind: "missing", say: (f: { key: string }) => `'${f.key}' is not in the store` },
  corrupt: {
    kind: "broken",
    say: (f: { key: string; reason: string }) => `'${f.key}' in the store is damaged: ${f.reason}`,
  },
  exists: { kind: "exists", say: (f: { buildId: string }) => `build '${f.buildId}' has been committed before` },
  incomplete: {
    kind: "invalid",
    say: (f: { buildId: string; reason: string }) => `build '${f.buildId}' cannot be committed: ${f.reason}`,
  },
  bad_key: { kind: "invalid", say: (f: { key: string }) => `'${f.key}' is no name for an object` },
  bad_context: { kind: "invalid", say: (f: { why: string }) => `the uploaded files are refused: ${f.why}` },
  unreachable: { kind: "unavailable", say: (f: { reason: string }) => `the object store does not answer: ${f.reason}` },
  refused: {
    kind: "forbidden",
    say: (f: { key: string; reason: string }) => `the object store refuses '${f.key}': ${f.reason}`,
  },
  disk_full: { kind: "disk_full", say: (f: { path: string }) => `there is no room left on the disk of ${f.path}` },
});
