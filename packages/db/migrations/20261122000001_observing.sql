-- migrate:up

-- Users act through access tokens; as with keys only the hash is kept.
CREATE TABLE access_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  token_prefix text NOT NULL,
  token_length integer NOT NULL,
  token_mask_prefix text NOT NULL,
  token_mask_suffix text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX access_tokens_user ON access_tokens (user_id);

-- What nodes measured, one row per sandbox and sample. Split by day, so that forgetting a day costs nothing.
CREATE TABLE sandbox_metrics (
  sandbox_id text NOT NULL,
  team_id uuid NOT NULL,
  at timestamptz NOT NULL,
  cpu_count integer NOT NULL,
  cpu_used_pct real NOT NULL,
  mem_used bigint NOT NULL,
  mem_total bigint NOT NULL,
  mem_cache bigint NOT NULL,
  disk_used bigint NOT NULL,
  disk_total bigint NOT NULL,
  PRIMARY KEY (sandbox_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE sandbox_metrics_rest PARTITION OF sandbox_metrics DEFAULT;

-- What happened to a sandbox and what its daemon said. (source, sequence) names a line, so that one told twice is kept once.
CREATE TABLE sandbox_logs (
  sandbox_id text NOT NULL,
  team_id uuid NOT NULL,
  at timestamptz NOT NULL,
  source uuid NOT NULL,
  sequence bigint NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 3),
  logger text NOT NULL,
  message text NOT NULL,
  fields jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (sandbox_id, at, source, sequence)
) PARTITION BY RANGE (at);
CREATE TABLE sandbox_logs_rest PARTITION OF sandbox_logs DEFAULT;

CREATE TABLE team_metrics (
  team_id uuid NOT NULL,
  at timestamptz NOT NULL,
  concurrent_sandboxes integer NOT NULL,
  started_sandboxes integer NOT NULL,
  PRIMARY KEY (team_id, at)
);
CREATE INDEX team_metrics_at ON team_metrics (at);

-- Makes the days up to the day after tomorrow, drops those past `keep_days`. Call it at start and now and then; any number may.
CREATE FUNCTION roll_observations(keep_days integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  of_table text;
  day date;
  found_name text;
  oldest date := (now() AT TIME ZONE 'UTC')::date - keep_days;
BEGIN
  PERFORM pg_advisory_xact_lock(727404);
  FOREACH of_table IN ARRAY ARRAY['sandbox_metrics', 'sandbox_logs'] LOOP
    FOR back IN -2 .. 1 LOOP
      day := (now() AT TIME ZONE 'UTC')::date - back;
      found_name := of_table || '_' || to_char(day, 'YYYYMMDD');
      IF to_regclass(found_name) IS NULL THEN
        -- Rows that came before their day was made move into it.
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', found_name, of_table);
        EXECUTE format(
          'WITH moved AS (DELETE FROM %I WHERE at >= %L AND at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
          of_table || '_rest', day || ' UTC', (day + 1) || ' UTC', found_name);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
          of_table, found_name, day || ' UTC', (day + 1) || ' UTC');
      END IF;
    END LOOP;
    FOR found_name IN
      SELECT child.relname FROM pg_inherits
      JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
      WHERE pg_inherits.inhparent = to_regclass(of_table) AND child.relname ~ '_[0-9]{8}$'
        AND to_date(right(child.relname, 8), 'YYYYMMDD') < oldest
    LOOP
      EXECUTE format('DROP TABLE %I', found_name);
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE at < %L', of_table || '_rest', oldest || ' UTC');
  END LOOP;
  DELETE FROM team_metrics WHERE at < (oldest || ' UTC')::timestamptz;
END
$$;

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
