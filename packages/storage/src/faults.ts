import { defineFaults } from "@sandlot/faults";

/** How reading and writing artifacts fails, the same for every kind of store. */
export const storageFaults = defineFaults("storage", {
  missing: { kind: "missing", say: (f: { key: string }) => `'${f.key}' is not in the store` },
  corrupt: {
    kind: "broken",
    say: (f: { key: string; reason: string }) => `'${f.key}' in the store is damaged: ${f.reason}`,
  },
  bad_key: { kind: "invalid", say: (f: { key: string }) => `'${f.key}' is no name for an object` },
  bad_context: { kind: "invalid", say: (f: { why: string }) => `the uploaded files are refused: ${f.why}` },
  unreachable: { kind: "unavailable", say: (f: { reason: string }) => `the object store does not answer: ${f.reason}` },
});
