-- migrate:up

-- A build is sealed by a template build, by a pause, or by a checkpoint (snapshots and forks). The last two are removed with
-- what refers to them: `held_until` keeps one that nothing refers to yet.
ALTER TABLE env_builds
  ADD COLUMN made_by text NOT NULL DEFAULT 'template' CHECK (made_by IN ('template', 'pause', 'checkpoint')),
  ADD COLUMN has_memory boolean NOT NULL DEFAULT true,
  ADD COLUMN held_until timestamptz,
  ADD COLUMN disk_bytes bigint,
  ADD COLUMN memory_bytes bigint;
CREATE INDEX env_builds_sealed_by_sandboxes ON env_builds (created_at) WHERE made_by <> 'template';

-- What is kept of a sandbox that was paused, one row each, behind its hidden template (source 'snapshot').
-- pausing: its node is asked for `pausing_build_id`. paused: `build_id` is all there is. live: it may run on a node.
CREATE TABLE snapshots (
  env_id text PRIMARY KEY REFERENCES envs (id) ON DELETE CASCADE,
  sandbox_id text NOT NULL UNIQUE,
  -- The template the user started from. No reference: a pause must not fail because that row is gone.
  base_env_id text NOT NULL,
  team_id uuid NOT NULL REFERENCES teams (id),
  state text NOT NULL CHECK (state IN ('pausing', 'paused', 'live')),
  build_id uuid REFERENCES env_builds (id),
  pausing_build_id uuid REFERENCES env_builds (id),
  -- The run that is being paused, was paused last, or lives.
  execution_id text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  env_secure boolean NOT NULL,
  origin_node_id text NOT NULL,
  allow_internet_access boolean,
  auto_pause boolean NOT NULL,
  sandbox_started_at timestamptz NOT NULL,
  paused_at timestamptz,
  -- The rest of what a resume inherits: network, names, size, lifecycle.
  config jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT snapshots_paused_has_build CHECK (state <> 'paused' OR build_id IS NOT NULL),
  CONSTRAINT snapshots_pausing_names_build CHECK ((state = 'pausing') = (pausing_build_id IS NOT NULL))
);
CREATE INDEX snapshots_team ON snapshots (team_id, sandbox_started_at DESC, sandbox_id);
CREATE INDEX snapshots_base ON snapshots (base_env_id);
CREATE INDEX snapshots_unsettled ON snapshots (updated_at) WHERE state <> 'paused';

-- Templates made from running sandboxes (source 'snapshot_template').
CREATE TABLE snapshot_templates (
  env_id text PRIMARY KEY REFERENCES envs (id) ON DELETE CASCADE,
  sandbox_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX snapshot_templates_sandbox ON snapshot_templates (sandbox_id);

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
