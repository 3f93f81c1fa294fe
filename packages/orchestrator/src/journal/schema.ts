/** Steps of the journal's schema, oldest first; `PRAGMA user_version` counts those applied. Append only. */
export const SCHEMA_STEPS: readonly string[] = [
  `
  CREATE TABLE machines (
    machine_id      TEXT PRIMARY KEY,
    slot_index      INTEGER NOT NULL,
    build_id        TEXT NOT NULL,
    cpu_count       INTEGER NOT NULL,
    memory_mib      INTEGER NOT NULL,
    disk_mib        INTEGER NOT NULL,
    default_user    TEXT NOT NULL,
    default_workdir TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('starting', 'warm', 'live', 'ending')),
    made_at_ms      INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE sandboxes (
    sandbox_id    TEXT PRIMARY KEY,
    machine_id    TEXT NOT NULL UNIQUE REFERENCES machines (machine_id) ON DELETE CASCADE,
    config        TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ends_at_ms    INTEGER NOT NULL
  ) STRICT;
  `,
  // What a machine was made with; rows from before do not know, and no warm one of them is kept.
  `
  ALTER TABLE machines ADD COLUMN guest_layer TEXT NOT NULL DEFAULT '';
  ALTER TABLE machines ADD COLUMN recipe TEXT NOT NULL DEFAULT '';
  `,
];
