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
  // More states, which only a new table can allow; what a machine's seal lies on; and which seals were asked for.
  `
  CREATE TABLE machines_new (
    machine_id      TEXT PRIMARY KEY,
    slot_index      INTEGER NOT NULL,
    build_id        TEXT NOT NULL,
    cpu_count       INTEGER NOT NULL,
    memory_mib      INTEGER NOT NULL,
    disk_mib        INTEGER NOT NULL,
    default_user    TEXT NOT NULL,
    default_workdir TEXT NOT NULL,
    guest_layer     TEXT NOT NULL,
    recipe          TEXT NOT NULL,
    origin          TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('starting', 'warm', 'live', 'pausing', 'cached', 'ending')),
    seal_build_id   TEXT,
    made_at_ms      INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE sandboxes_new (
    sandbox_id    TEXT PRIMARY KEY,
    machine_id    TEXT NOT NULL UNIQUE REFERENCES machines_new (machine_id) ON DELETE CASCADE,
    config        TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ends_at_ms    INTEGER NOT NULL
  ) STRICT;
  INSERT INTO machines_new SELECT machine_id, slot_index, build_id, cpu_count, memory_mib, disk_mib, default_user,
    default_workdir, guest_layer, recipe, '', state, NULL, made_at_ms FROM machines;
  INSERT INTO sandboxes_new SELECT * FROM sandboxes;
  DROP TABLE sandboxes;
  DROP TABLE machines;
  ALTER TABLE machines_new RENAME TO machines;
  ALTER TABLE sandboxes_new RENAME TO sandboxes;
  CREATE TABLE seals (
    build_id     TEXT PRIMARY KEY,
    sandbox_id   TEXT NOT NULL,
    memory       INTEGER NOT NULL,
    disk_bytes   INTEGER,
    memory_bytes INTEGER,
    asked_at_ms  INTEGER NOT NULL
  ) STRICT;
  `,
  // Machines of before there was a choice are containers.
  `
  ALTER TABLE machines ADD COLUMN runtime TEXT NOT NULL DEFAULT 'container';
  `,
];
