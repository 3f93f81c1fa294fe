/* @name deleteIdentityKey */
DELETE FROM identity_keys WHERE id = :id!;
