/* @name findUserByTokenHash */
SELECT users.id AS "userId", users.email
FROM access_tokens JOIN users ON users.id = access_tokens.user_id
WHERE access_tokens.token_hash = :tokenHash!;
