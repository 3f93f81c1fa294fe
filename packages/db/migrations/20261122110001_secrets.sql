-- migrate:up

-- Values are sealed with a key that the database does not hold.
CREATE TABLE secrets (
  id text PRIMARY KEY,
  team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  name text NOT NULL,
  current_version bigint NOT NULL DEFAULT 1,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (team_id, name)
);
CREATE TABLE secret_versions (
  secret_id text NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
  version bigint NOT NULL,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (secret_id, version)
);

-- What workload tokens are signed with; the newest signs, all of them verify.
CREATE TABLE identity_keys (
  id text PRIMARY KEY,
  public_jwk jsonb NOT NULL,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
