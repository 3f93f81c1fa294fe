/* @name deleteAccessToken */
DELETE FROM access_tokens WHERE id = :tokenId! AND user_id = :userId! RETURNING id;
