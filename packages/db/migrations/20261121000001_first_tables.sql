-- migrate:up

-- What a team may use at most. Add-ons and project limits arrive as further tables and are summed in `team_limits`.
CREATE TABLE tiers (
  id text PRIMARY KEY,
  name text NOT NULL,
  concurrent_sandboxes integer NOT NULL CHECK (concurrent_sandboxes >= 0),
  max_length_hours integer NOT NULL CHECK (max_length_hours > 0),
  max_vcpu integer NOT NULL CHECK (max_vcpu > 0),
  max_ram_mb integer NOT NULL CHECK (max_ram_mb > 0),
  max_disk_mb integer NOT NULL CHECK (max_disk_mb > 0),
  concurrent_template_builds integer NOT NULL CHECK (concurrent_template_builds >= 0),
  events_ttl_days integer NOT NULL DEFAULT 7 CHECK (events_ttl_days > 0),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE teams (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9_-]+$'),
  tier text NOT NULL REFERENCES tiers (id),
  email text NOT NULL,
  is_banned boolean NOT NULL DEFAULT false,
  is_blocked boolean NOT NULL DEFAULT false,
  blocked_reason text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users_teams (
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  is_default boolean NOT NULL DEFAULT false,
  added_by uuid REFERENCES users (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, team_id)
);
CREATE INDEX users_teams_team ON users_teams (team_id);
CREATE UNIQUE INDEX users_teams_one_default ON users_teams (user_id) WHERE is_default;

-- Only the hash of a key is kept, with as much of its text as may be shown.
CREATE TABLE team_api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  name text NOT NULL,
  api_key_hash text NOT NULL UNIQUE,
  api_key_prefix text NOT NULL,
  api_key_length integer NOT NULL,
  api_key_mask_prefix text NOT NULL,
  api_key_mask_suffix text NOT NULL,
  created_by uuid REFERENCES users (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz,
  last_used timestamptz
);
CREATE INDEX team_api_keys_team ON team_api_keys (team_id);

-- A template, or the hidden template behind a paused sandbox or a named snapshot.
CREATE TABLE envs (
  id text PRIMARY KEY,
  team_id uuid NOT NULL REFERENCES teams (id),
  public boolean NOT NULL DEFAULT false,
  source text NOT NULL DEFAULT 'template' CHECK (source IN ('template', 'snapshot', 'snapshot_template')),
  spawn_count bigint NOT NULL DEFAULT 0,
  last_spawned_at timestamptz,
  build_count integer NOT NULL DEFAULT 0,
  created_by uuid REFERENCES users (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE INDEX envs_team ON envs (team_id) WHERE deleted_at IS NULL;
CREATE VIEW active_envs AS SELECT * FROM envs WHERE deleted_at IS NULL;

-- A name without a namespace is a promoted one: everybody finds it.
CREATE TABLE env_aliases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  alias text NOT NULL CHECK (alias ~ '^[a-z0-9_-]+$'),
  namespace text,
  env_id text NOT NULL REFERENCES envs (id) ON DELETE CASCADE,
  is_renamable boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT env_aliases_name UNIQUE NULLS NOT DISTINCT (alias, namespace)
);
CREATE INDEX env_aliases_env ON env_aliases (env_id);

CREATE TABLE env_builds (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  status text NOT NULL
    CHECK (status IN ('pending', 'waiting', 'building', 'snapshotting', 'uploaded', 'success', 'failed')),
  status_group text NOT NULL GENERATED ALWAYS AS (
    CASE
      WHEN status IN ('pending', 'waiting') THEN 'pending'
      WHEN status IN ('building', 'snapshotting') THEN 'in_progress'
      WHEN status IN ('uploaded', 'success') THEN 'ready'
      ELSE 'failed'
    END
  ) STORED,
  reason jsonb,
  vcpu integer NOT NULL CHECK (vcpu > 0),
  ram_mb integer NOT NULL CHECK (ram_mb > 0),
  total_disk_size_mb integer CHECK (total_disk_size_mb > 0),
  free_disk_size_mb integer,
  envd_version text,
  start_cmd text,
  ready_cmd text,
  cluster_node_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);

-- The newest row of a template and a tag says which build the tag means.
CREATE TABLE env_build_assignments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  env_id text NOT NULL REFERENCES envs (id) ON DELETE CASCADE,
  build_id uuid NOT NULL REFERENCES env_builds (id) ON DELETE CASCADE,
  tag text NOT NULL DEFAULT 'default',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX env_build_assignments_newest ON env_build_assignments (env_id, tag, created_at DESC);
CREATE INDEX env_build_assignments_build ON env_build_assignments (build_id);

CREATE VIEW team_limits AS
SELECT
  teams.id AS team_id,
  tiers.concurrent_sandboxes,
  tiers.max_length_hours,
  tiers.max_vcpu,
  tiers.max_ram_mb,
  tiers.max_disk_mb,
  tiers.concurrent_template_builds,
  tiers.events_ttl_days
FROM teams JOIN tiers ON tiers.id = teams.tier;

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
