/* @name addUser */
INSERT INTO users (email) VALUES (:email!) RETURNING id AS "userId";
