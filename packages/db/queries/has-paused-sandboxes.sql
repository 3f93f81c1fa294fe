/* @name hasPausedSandboxes */
SELECT EXISTS (SELECT FROM snapshots WHERE base_env_id = :templateId!) AS "isThere!";
