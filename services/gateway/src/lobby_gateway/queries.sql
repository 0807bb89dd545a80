-- name: find_workspace
-- The workspace by its id.
SELECT
    workspace_id::text,
    display_name,
    time_zone,
    day_start_hour,
    agents_see_identifiers,
    create_time
FROM workspace
WHERE workspace_id = $1;

-- name: lock_workspace
-- The workspace by its id; changes of it and of its keys wait for each other.
SELECT
    workspace_id::text,
    display_name,
    time_zone,
    day_start_hour,
    agents_see_identifiers,
    create_time
FROM workspace
WHERE workspace_id = $1
FOR UPDATE;

-- name: find_first_workspace
-- The id of the workspace that was made first.
SELECT workspace_id::text
FROM workspace
ORDER BY create_time, workspace_id
LIMIT 1;

-- name: lock_bootstrap
-- Only one process at a time makes the first workspace.
SELECT pg_advisory_xact_lock(hashtext('lobby-gateway-bootstrap'));

-- name: insert_workspace
-- A new workspace.
INSERT INTO workspace (workspace_id, display_name, time_zone, day_start_hour, agents_see_identifiers, create_time)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: update_workspace
-- The workspace as it is now.
UPDATE workspace
SET
    display_name = $2,
    time_zone = $3,
    day_start_hour = $4,
    agents_see_identifiers = $5
WHERE workspace_id = $1;

-- name: insert_key
-- A new key by the hash of its secret.
INSERT INTO api_key (key_id, workspace_id, secret_hash, role, agent_id, display_name, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: find_key
-- A key of a workspace.
SELECT
    key_id::text,
    workspace_id::text,
    role,
    agent_id,
    display_name,
    create_time,
    revoke_time
FROM api_key
WHERE workspace_id = $1
    AND key_id = $2;

-- name: list_keys
-- A page of a workspace's keys, oldest first.
SELECT
    key_id::text,
    workspace_id::text,
    role,
    agent_id,
    display_name,
    create_time,
    revoke_time
FROM api_key
WHERE workspace_id = $1
    AND ($2::timestamptz IS NULL OR (create_time, key_id) > ($2, $3::uuid))
ORDER BY create_time, key_id
LIMIT $4;

-- name: list_owner_keys
-- Ids of the workspace's owner keys that hold.
SELECT key_id::text
FROM api_key
WHERE workspace_id = $1
    AND role = 'owner'
    AND revoke_time IS NULL;

-- name: revoke_key
-- The key holds no longer.
UPDATE api_key
SET revoke_time = $2
WHERE key_id = $1;

-- name: find_principals
-- Who the secrets with these hashes stand for, those of keys that hold.
SELECT
    k.secret_hash,
    k.key_id::text,
    k.workspace_id::text,
    k.role,
    k.agent_id,
    w.agents_see_identifiers,
    '' AS sheet_id,
    '' AS link_id,
    NULL::timestamptz AS expire_time
FROM api_key AS k
JOIN workspace AS w USING (workspace_id)
WHERE k.secret_hash = ANY($1::bytea[])
    AND k.revoke_time IS NULL
UNION ALL
SELECT
    k.secret_hash,
    k.key_id::text,
    l.workspace_id::text,
    'partner',
    '',
    w.agents_see_identifiers,
    l.sheet_id,
    l.link_id::text,
    k.expire_time
FROM link_key AS k
JOIN link AS l USING (link_id)
JOIN workspace AS w USING (workspace_id)
WHERE k.secret_hash = ANY($1::bytea[])
    AND k.expire_time > now()
    AND l.delete_time IS NULL;

-- name: insert_audit_entry
-- Who changed what.
INSERT INTO audit_entry (entry_id, workspace_id, actor, action, subject_id, detail)
VALUES ($1, $2, $3, $4, $5, $6::jsonb);

-- name: list_workspaces
-- The workspaces, with the day after that of their last statement, or their first day.
SELECT
    w.workspace_id::text,
    coalesce(max(s.day) + 1, (w.create_time AT TIME ZONE 'UTC')::date) AS day
FROM workspace AS w
LEFT JOIN statement AS s USING (workspace_id)
GROUP BY w.workspace_id
ORDER BY w.workspace_id;

-- name: find_last_statement
-- Number, day and digest of a workspace's last statement.
SELECT number, day, digest
FROM statement
WHERE workspace_id = $1
ORDER BY number DESC
LIMIT 1;

-- name: insert_statement
-- One statement more.
INSERT INTO statement (workspace_id, number, day, accepted, accounted, missed, balanced, text, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: list_statements
-- A page of a workspace's statements, oldest first.
SELECT number, day, accepted, accounted, missed, balanced, text, digest, create_time
FROM statement
WHERE workspace_id = $1 AND number > $2
ORDER BY number
LIMIT $3;
