-- migrate:up

-- Whose build it is and of which recipe; rows from before are of templates we ship.
ALTER TABLE env_builds
  ADD COLUMN env_id text,
  ADD COLUMN team_id uuid REFERENCES teams (id),
  ADD COLUMN version text,
  ADD COLUMN dockerfile text,
  ADD COLUMN started_at timestamptz;
CREATE INDEX env_builds_unfinished ON env_builds (team_id, created_at)
  WHERE made_by = 'template' AND status IN ('waiting', 'building');
CREATE INDEX env_builds_env ON env_builds (env_id, created_at DESC) WHERE env_id IS NOT NULL;

-- What a build said, numbered from 0 without gaps; the builder itself forgets it soon.
CREATE TABLE build_log_entries (
  build_id uuid NOT NULL REFERENCES env_builds (id) ON DELETE CASCADE,
  sequence integer NOT NULL,
  at timestamptz NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 3),
  step text NOT NULL DEFAULT '',
  message text NOT NULL,
  PRIMARY KEY (build_id, sequence)
);
CREATE INDEX build_log_entries_at ON build_log_entries (at);

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
