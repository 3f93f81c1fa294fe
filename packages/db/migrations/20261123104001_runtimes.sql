-- migrate:up

-- What sandboxes of a build can run on, and the version of the guest's kernel where they are virtual machines. Builds from
-- before there was a choice are containers.
ALTER TABLE env_builds
  ADD COLUMN runtimes text[] NOT NULL DEFAULT '{container}'
    CHECK (runtimes <@ '{container,qemu,firecracker}'::text[] AND cardinality(runtimes) > 0),
  ADD COLUMN kernel_version text;

-- What a template's sandboxes are to run on, the first wanted most; null: whatever the installation offers.
ALTER TABLE envs
  ADD COLUMN runtimes text[]
    CHECK (runtimes <@ '{container,qemu,firecracker}'::text[] AND cardinality(runtimes) > 0);

-- The view was made of the columns that there were.
CREATE OR REPLACE VIEW active_envs AS SELECT * FROM envs WHERE deleted_at IS NULL;

-- migrate:down
-- Forward only: a mistake is put right by the next migration.
