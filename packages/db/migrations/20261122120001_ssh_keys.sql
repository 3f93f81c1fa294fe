-- migrate:up

-- Who may enter a team's sandboxes by SSH. Keys that a command made for one entry have an end.
CREATE TABLE team_ssh_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  name text NOT NULL,
  fingerprint text NOT NULL,
  public_key text NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used timestamptz,
  UNIQUE (team_id, fingerprint)
);
CREATE INDEX team_ssh_keys_by_fingerprint ON team_ssh_keys (fingerprint);

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
