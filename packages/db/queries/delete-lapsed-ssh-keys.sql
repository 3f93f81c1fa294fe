/* @name deleteLapsedSshKeys */
DELETE FROM team_ssh_keys WHERE team_id = :teamId! AND expires_at < now();
