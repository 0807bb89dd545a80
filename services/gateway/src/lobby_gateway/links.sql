-- name: insert_link
-- A new link by the hashes of its token and its password.
INSERT INTO link (
    link_id,
    workspace_id,
    sheet_id,
    token_hash,
    password_digest,
    password_salt,
    password_n,
    password_r,
    password_p,
    display_name,
    create_time,
    expire_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: count_links
-- How many links to a sheet are not deleted.
SELECT count(*)
FROM link
WHERE workspace_id = $1
    AND sheet_id = $2
    AND delete_time IS NULL;

-- name: lock_link
-- A link of a sheet; changes of it wait for each other.
SELECT
    link_id::text,
    workspace_id::text,
    sheet_id,
    display_name,
    create_time,
    expire_time,
    delete_time,
    last_open_time,
    wrong_passwords,
    retry_time
FROM link
WHERE workspace_id = $1
    AND sheet_id = $2
    AND link_id = $3
FOR UPDATE;

-- name: lock_link_by_token
-- The link of a token, with its password; changes of it wait for each other.
SELECT
    link_id::text,
    workspace_id::text,
    sheet_id,
    display_name,
    create_time,
    expire_time,
    delete_time,
    last_open_time,
    wrong_passwords,
    retry_time,
    password_digest,
    password_salt,
    password_n,
    password_r,
    password_p
FROM link
WHERE token_hash = $1
FOR UPDATE;

-- name: list_links
-- A page of a sheet's links, oldest first.
SELECT
    link_id::text,
    workspace_id::text,
    sheet_id,
    display_name,
    create_time,
    expire_time,
    delete_time,
    last_open_time,
    wrong_passwords,
    retry_time
FROM link
WHERE workspace_id = $1
    AND sheet_id = $2
    AND ($3::timestamptz IS NULL OR (create_time, link_id) > ($3, $4::uuid))
ORDER BY create_time, link_id
LIMIT $5;

-- name: update_link
-- The link as it is now.
UPDATE link
SET
    delete_time = $2,
    last_open_time = $3,
    wrong_passwords = $4,
    retry_time = $5
WHERE link_id = $1;

-- name: insert_link_key
-- A key that a link gave.
INSERT INTO link_key (key_id, link_id, secret_hash, create_time, expire_time)
VALUES ($1, $2, $3, $4, $5);

-- name: prune_link_keys
-- Of a link's keys only the newest are left, and none that has ended.
DELETE FROM link_key
WHERE link_id = $1
    AND (
        expire_time <= $2
        OR key_id NOT IN (
            SELECT key_id
            FROM link_key
            WHERE link_id = $1
            ORDER BY create_time DESC, key_id DESC
            LIMIT $3
        )
    );
