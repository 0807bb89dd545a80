-- name: insert_import
-- A new import, waiting for its file.
INSERT INTO base_import (
    import_id, workspace_id, display_name, default_country, encoding, has_header, columns, retroactive, link_conflicts,
    attributes, actor
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: find_import
-- An import of a workspace.
SELECT
    import_id::text AS import_id, workspace_id::text AS workspace_id, display_name, default_country, encoding, has_header,
    columns, attributes, retroactive, link_conflicts, state, phase, progress, part_count, byte_count, sha256, fingerprint, rows_read,
    rows_new, rows_known, rows_repeated, rows_conflict, rows_invalid, failure,
    same_as_import_id::text AS same_as_import_id, actor, end_actor, create_time, commit_time
FROM base_import
WHERE workspace_id = $1 AND import_id = $2;

-- name: lock_import
-- An import, ours to change until the transaction ends.
SELECT
    import_id::text AS import_id, workspace_id::text AS workspace_id, display_name, default_country, encoding, has_header,
    columns, attributes, retroactive, link_conflicts, state, phase, progress, part_count, byte_count, sha256, fingerprint, rows_read,
    rows_new, rows_known, rows_repeated, rows_conflict, rows_invalid, failure,
    same_as_import_id::text AS same_as_import_id, actor, end_actor, create_time, commit_time
FROM base_import
WHERE workspace_id = $1 AND import_id = $2
FOR NO KEY UPDATE;

-- name: list_imports
-- Imports of a workspace, the newest first.
SELECT
    import_id::text AS import_id, workspace_id::text AS workspace_id, display_name, default_country, encoding, has_header,
    columns, attributes, retroactive, link_conflicts, state, phase, progress, part_count, byte_count, sha256, fingerprint, rows_read,
    rows_new, rows_known, rows_repeated, rows_conflict, rows_invalid, failure,
    same_as_import_id::text AS same_as_import_id, actor, end_actor, create_time, commit_time
FROM base_import
WHERE workspace_id = $1 AND ($2::uuid IS NULL OR import_id < $2)
ORDER BY import_id DESC
LIMIT $3;

-- name: read_reasons
-- How often each reason was given in these imports.
SELECT import_id::text AS import_id, reason, count
FROM import_reason
WHERE import_id = ANY ($1::uuid[])
ORDER BY import_id, count DESC, reason;

-- name: update_settings
-- How the file is read; what was found with other settings is not found any more.
UPDATE base_import
SET default_country = $2, encoding = $3, has_header = $4, columns = $5, retroactive = $6, link_conflicts = $7,
    attributes = $8, state = 'uploading', phase = ''
WHERE import_id = $1;

-- name: find_part
-- The digest of a part that is here.
SELECT sha256 FROM import_part WHERE import_id = $1 AND number = $2;

-- name: insert_part
-- A part of the file.
INSERT INTO import_part (import_id, number, sha256, data) VALUES ($1, $2, $3, $4);

-- name: add_part
-- One part more is here.
UPDATE base_import
SET part_count = part_count + 1, byte_count = byte_count + $2, state = 'uploading', phase = '',
    work_time = clock_timestamp()
WHERE import_id = $1
RETURNING part_count, byte_count;

-- name: read_part
-- The bytes of a part.
SELECT data FROM import_part WHERE import_id = $1 AND number = $2;

-- name: find_last_part
-- The highest number of the parts that are here.
SELECT coalesce(max(number), 0) FROM import_part WHERE import_id = $1;

-- name: begin_import
-- The import is worked on from this phase on.
UPDATE base_import
SET state = $2, phase = $3, progress = 0, sha256 = $4, failure = ''
WHERE import_id = $1;

-- name: find_work
-- The import that waits longest for its next step; the others come before it is taken again.
UPDATE base_import
SET work_time = clock_timestamp()
WHERE import_id = (
    SELECT import_id FROM base_import WHERE phase <> '' ORDER BY work_time LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING workspace_id::text AS workspace_id, import_id::text AS import_id;

-- name: advance
-- The import is in this state and phase, and so far in it.
UPDATE base_import SET state = $2, phase = $3, progress = $4 WHERE import_id = $1;

-- name: set_fingerprint
-- What the import does, in one value.
UPDATE base_import SET fingerprint = $2 WHERE import_id = $1;

-- name: find_same
-- An import that did the very same, and was not undone.
SELECT
    import_id::text AS import_id, rows_read, rows_invalid
FROM base_import
WHERE workspace_id = $1 AND fingerprint = $2 AND state = 'done' AND import_id <> $3 AND same_as_import_id IS NULL
ORDER BY import_id
LIMIT 1;

-- name: end_as_same
-- The import is done, for another one did all of it.
UPDATE base_import
SET state = 'done', phase = 'sweeping', progress = 0, same_as_import_id = $2, rows_read = $3,
    rows_known = $3::int - $4::int, rows_invalid = $4, rows_new = 0, rows_repeated = 0, rows_conflict = 0,
    commit_time = $5
WHERE import_id = $1;

-- name: fail_import
-- The file cannot be read.
UPDATE base_import SET state = 'failed', phase = '', progress = 0, failure = $2 WHERE import_id = $1;

-- name: abandon_imports
-- Files that nobody did anything with for a week are gone.
UPDATE base_import AS b
SET state = 'failed', phase = 'sweeping', progress = 0, failure = $1
WHERE b.state IN ('uploading', 'checked', 'failed') AND b.phase = '' AND b.work_time < now() - interval '7 days'
    AND EXISTS (SELECT FROM import_part AS p WHERE p.import_id = b.import_id);

-- name: delete_staged
-- Some of the rows that were read are gone.
DELETE FROM import_staged
WHERE import_id = $1 AND row_number IN (
    SELECT row_number FROM import_staged WHERE import_id = $1 ORDER BY row_number LIMIT $2
);

-- name: delete_rows
-- Some of the outcomes are gone.
DELETE FROM import_row
WHERE import_id = $1 AND row_number IN (
    SELECT row_number FROM import_row WHERE import_id = $1 ORDER BY row_number LIMIT $2
);

-- name: delete_shared
-- Some of the shared identifiers are gone.
DELETE FROM import_shared
WHERE (import_id, kind, match_key, row_number) IN (
    SELECT import_id, kind, match_key, row_number
    FROM import_shared
    WHERE import_id = $1
    ORDER BY kind, match_key, row_number
    LIMIT $2
);

-- name: delete_parts
-- Some of the parts are gone.
DELETE FROM import_part
WHERE import_id = $1 AND number IN (
    SELECT number FROM import_part WHERE import_id = $1 ORDER BY number LIMIT $2
);

-- name: reset_counts
-- Nothing of the file was read.
WITH forgotten AS (
    DELETE FROM import_reason WHERE import_id = $1
)
UPDATE base_import
SET rows_read = 0, rows_new = 0, rows_known = 0, rows_repeated = 0, rows_conflict = 0, rows_invalid = 0, fingerprint = ''
WHERE import_id = $1;

-- name: add_counts
-- So many rows more were read, and have these outcomes.
UPDATE base_import
SET rows_read = rows_read + $2, rows_new = rows_new + $3, rows_known = rows_known + $4,
    rows_repeated = rows_repeated + $5, rows_conflict = rows_conflict + $6, rows_invalid = rows_invalid + $7
WHERE import_id = $1;

-- name: reset_outcomes
-- No row that identifies somebody has an outcome.
WITH forgotten AS (
    DELETE FROM import_reason WHERE import_id = $1 AND reason = ANY ($2::text[])
)
UPDATE base_import SET rows_new = 0, rows_known = 0, rows_repeated = 0, rows_conflict = 0 WHERE import_id = $1;

-- name: add_reasons
-- These reasons were given so often more.
INSERT INTO import_reason AS r (import_id, reason, count)
SELECT $1, reason, count
FROM unnest($2::text[], $3::int[]) AS n (reason, count)
ON CONFLICT (import_id, reason) DO UPDATE SET count = r.count + excluded.count;

-- name: upsert_rows
-- What became of these rows.
INSERT INTO import_row (import_id, row_number, outcome, reasons, contact_ids)
SELECT $1, row_number, outcome, reasons::text[], contact_ids::uuid[]
FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) AS r (row_number, outcome, reasons, contact_ids)
ON CONFLICT (import_id, row_number) DO UPDATE
SET outcome = excluded.outcome, reasons = excluded.reasons, contact_ids = excluded.contact_ids;

-- name: list_rows
-- Outcomes in the order of the file.
SELECT row_number, outcome, reasons, contact_ids::text[] AS contact_ids
FROM import_row
WHERE import_id = $1 AND row_number > $2
    AND ($3 = '' OR outcome = $3)
    AND (NOT $4 OR reasons <> '{}')
ORDER BY row_number
LIMIT $5;

-- name: analyze_imports
-- The planner knows the rows that were read.
SELECT analyze_imports();

-- name: analyze_people
-- The planner knows of people who became many more.
SELECT analyze_people();

-- name: look_up_by_index
-- What this transaction asks for are a few thousand rows of tables that may have grown since their plans were made.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: find_shared
-- The identifiers that several rows have.
INSERT INTO import_shared (import_id, kind, match_key, row_number)
WITH named AS (
    SELECT s.row_number, n.kind, n.match_key
    FROM import_staged AS s
    CROSS JOIN LATERAL unnest(s.kinds, s.match_keys) AS n (kind, match_key)
    WHERE s.import_id = $1
), shared AS (
    SELECT kind, match_key FROM named GROUP BY kind, match_key HAVING count(*) > 1
)
SELECT DISTINCT $1::uuid, named.kind, named.match_key, named.row_number
FROM named
JOIN shared USING (kind, match_key)
ON CONFLICT DO NOTHING;

-- name: drop_crowds
-- Identifiers that too many have, or people of too many names, are nobody's: they are left out.
WITH crowd AS (
    SELECT h.kind, h.match_key
    FROM import_shared AS h
    JOIN import_staged AS s USING (import_id, row_number)
    WHERE h.import_id = $1
    GROUP BY h.kind, h.match_key
    HAVING count(*) > $2 OR count(DISTINCT nullif(lower(s.display_name), '')) > $3
), gone AS (
    DELETE FROM import_shared AS h
    USING crowd AS c
    WHERE h.import_id = $1 AND h.kind = c.kind AND h.match_key = c.match_key
    RETURNING h.kind, h.match_key, h.row_number
), less AS (
    SELECT
        s.row_number,
        array_agg(n.kind ORDER BY n.place) FILTER (WHERE g.kind IS NULL) AS kinds,
        array_agg(n.match_key ORDER BY n.place) FILTER (WHERE g.kind IS NULL) AS match_keys,
        array_agg(n.identifier ORDER BY n.place) FILTER (WHERE g.kind IS NULL) AS identifiers
    FROM import_staged AS s
    CROSS JOIN LATERAL unnest(s.kinds, s.match_keys, s.identifiers)
        WITH ORDINALITY AS n (kind, match_key, identifier, place)
    LEFT JOIN gone AS g ON g.row_number = s.row_number AND g.kind = n.kind AND g.match_key = n.match_key
    WHERE s.import_id = $1 AND s.row_number IN (SELECT row_number FROM gone)
    GROUP BY s.row_number
)
UPDATE import_staged AS s
SET kinds = coalesce(less.kinds, '{}'), match_keys = coalesce(less.match_keys, '{}'),
    identifiers = coalesce(less.identifiers, '{}'), reasons = s.reasons || $4::text
FROM less
WHERE s.import_id = $1 AND s.row_number = less.row_number;

-- name: hook_groups
-- Each group that shares an identifier with a group of an earlier row joins the earliest of them.
UPDATE import_staged AS s
SET group_row = hook.least
FROM (
    SELECT m.group_row AS root, min(k.least) AS least
    FROM import_shared AS h
    JOIN import_staged AS m USING (import_id, row_number)
    JOIN (
        SELECT h.kind, h.match_key, min(m.group_row) AS least
        FROM import_shared AS h
        JOIN import_staged AS m USING (import_id, row_number)
        WHERE h.import_id = $1
        GROUP BY h.kind, h.match_key
    ) AS k ON k.kind = h.kind AND k.match_key = h.match_key
    WHERE h.import_id = $1
    GROUP BY m.group_row
    HAVING min(k.least) < m.group_row
) AS hook
WHERE s.import_id = $1 AND s.row_number = hook.root;

-- name: flatten_groups
-- Rows whose group's first row joined another group follow it one step.
UPDATE import_staged AS s
SET group_row = first.group_row
FROM import_staged AS first
WHERE s.import_id = $1 AND s.group_row <> s.row_number
    AND first.import_id = $1 AND first.row_number = s.group_row AND first.group_row < s.group_row;

-- name: take_nameless
-- Rows that identify nobody any more are invalid.
WITH gone AS (
    DELETE FROM import_staged
    WHERE import_id = $1 AND kinds = '{}'
    RETURNING row_number, reasons
)
INSERT INTO import_row (import_id, row_number, outcome, reasons, contact_ids)
SELECT $1, row_number, 'invalid', reasons, '{}' FROM gone;

-- name: take_large_groups
-- Rows of which too many hang together are not one person's: none of them is taken.
WITH large AS (
    SELECT group_row
    FROM import_staged
    WHERE import_id = $1 AND group_row <> row_number
    GROUP BY group_row
    HAVING count(*) >= $2
), gone AS (
    DELETE FROM import_staged AS s
    USING large AS l
    WHERE s.import_id = $1 AND s.group_row = l.group_row
    RETURNING s.row_number, s.reasons
)
INSERT INTO import_row (import_id, row_number, outcome, reasons, contact_ids)
SELECT $1, row_number, 'invalid', reasons || $3::text, '{}' FROM gone;

-- name: read_groups
-- The next groups, each in the order of the file.
WITH first AS (
    SELECT row_number
    FROM import_staged
    WHERE import_id = $1 AND row_number > $2 AND group_row = row_number
    ORDER BY row_number
    LIMIT $3
)
SELECT row_number, group_row, display_name, country, tags, kinds, match_keys, identifiers, reasons, attributes
FROM import_staged
WHERE import_id = $1 AND row_number IN (SELECT row_number FROM first)
UNION ALL
SELECT row_number, group_row, display_name, country, tags, kinds, match_keys, identifiers, reasons, attributes
FROM import_staged
WHERE import_id = $1 AND group_row <> row_number AND group_row IN (SELECT row_number FROM first)
ORDER BY group_row, row_number;

-- name: read_holders
-- Who holds those of the addresses that somebody holds.
SELECT
    k.n,
    u.channel_user_id::text AS channel_user_id,
    u.contact_id::text AS contact_id,
    u.root_id::text AS root_id,
    u.first_seen_time
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k (kind, match_key, n)
JOIN identifier AS i
    ON i.workspace_id = $1 AND i.match_key = k.match_key AND i.kind = k.kind AND i.scope = ''
    AND i.retired_time = 'infinity'
JOIN channel_user AS u ON u.channel_user_id = i.channel_user_id;

-- name: lock_ids
-- No rule joins persons of the workspace by what their ids say now, before the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('identity.ids.' || $1::uuid::text, 0));

-- name: read_crm_ids
-- The ids of the workspace's own system of the persons to whom these contacts belong.
SELECT r.root_id::text AS root_id, i.match_key
FROM (SELECT DISTINCT a.root_id FROM channel_user AS a WHERE a.contact_id = ANY ($1::uuid[])) AS r
JOIN channel_user AS u ON u.contact_id = r.root_id OR (u.root_id = r.root_id AND u.root_id <> u.contact_id)
JOIN identifier AS i ON i.channel_user_id = u.channel_user_id
WHERE i.kind = 'crm_id' AND i.scope = '' AND i.retired_time = 'infinity';

-- name: insert_imported_identifiers
-- New addresses, and claimed phones whose channel user is met now; how many, and the claimed phones. In the order in
-- which messages take them.
WITH taken AS (
    INSERT INTO identifier AS i
        (workspace_id, match_key, kind, scope, value, channel_user_id, platform, first_seen_time, import_id)
    SELECT $1, b.match_key, b.kind, '', b.value, b.channel_user_id, 0, $2, $3
    FROM unnest($4::text[], $5::text[], $6::text[], $7::uuid[]) AS b (kind, match_key, value, channel_user_id)
    ORDER BY b.match_key COLLATE "C", b.kind COLLATE "C"
    ON CONFLICT (workspace_id, match_key, kind, scope, retired_time) DO UPDATE
    SET channel_user_id = excluded.channel_user_id,
        value = excluded.value,
        first_seen_time = excluded.first_seen_time,
        import_id = excluded.import_id
    WHERE i.channel_user_id IS NULL
    RETURNING match_key, claimed
)
SELECT count(*) AS taken, array_agg(match_key ORDER BY match_key) FILTER (WHERE claimed) AS claimed FROM taken;

-- name: fill_profiles
-- Contacts know what they lacked, and have the tags of the import besides their own; rows are locked in order.
WITH taught AS (
    SELECT
        c.contact_id,
        CASE WHEN c.display_name = '' THEN l.display_name ELSE c.display_name END AS display_name,
        CASE WHEN c.display_name = '' THEN l.name_key ELSE c.name_key END AS name_key,
        CASE WHEN c.country = '' THEN l.country ELSE c.country END AS country,
        l.tags::text[] AS tags,
        c.display_name = '' AND l.display_name <> '' AS named,
        c.country = '' AND l.country <> '' AS placed
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS l (contact_id, display_name, name_key, country, tags)
    JOIN contact AS c ON c.workspace_id = $1 AND c.contact_id = l.contact_id
    WHERE c.erase_time IS NULL
    ORDER BY c.contact_id
    FOR NO KEY UPDATE OF c
), filled AS (
    UPDATE contact AS c
    SET display_name = t.display_name, name_key = t.name_key, country = t.country
    FROM taught AS t
    WHERE c.workspace_id = $1 AND c.contact_id = t.contact_id AND (t.named OR t.placed)
), tagged AS (
    INSERT INTO contact_tag (workspace_id, contact_id, tag, origin, source_id, set_time)
    SELECT $1, t.contact_id, g.tag, 'import', $7, $8 FROM taught AS t CROSS JOIN LATERAL unnest(t.tags) AS g (tag)
    ORDER BY t.contact_id, g.tag
    ON CONFLICT DO NOTHING
    RETURNING contact_id
)
SELECT t.contact_id::text AS contact_id, t.named, t.placed, g.contact_id IS NOT NULL AS tagged
FROM taught AS t
LEFT JOIN (SELECT DISTINCT contact_id FROM tagged) AS g USING (contact_id)
WHERE t.named OR t.placed OR g.contact_id IS NOT NULL;

-- name: insert_values
-- Contacts have these values of attributes by the import, but for attributes that are gone and people who were forgotten.
INSERT INTO imported_attribute AS i (
    workspace_id, contact_id, attribute_name, import_id, text_value, number_value, boolean_value, time_value, set_time
)
SELECT
    $1, g.contact_id, g.attribute_name, $2,
    CASE g.kind WHEN 'text' THEN g.value END,
    CASE g.kind WHEN 'number' THEN g.value::float8 END,
    CASE g.kind WHEN 'boolean' THEN g.value::boolean END,
    CASE g.kind WHEN 'time' THEN g.value::timestamptz END,
    clock_timestamp()
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS g (contact_id, attribute_name, kind, value)
JOIN attribute AS a ON a.workspace_id = $1 AND a.attribute_name = g.attribute_name AND a.kind = g.kind
JOIN contact AS c ON c.workspace_id = $1 AND c.contact_id = g.contact_id AND c.erase_time IS NULL
ORDER BY g.contact_id, g.attribute_name
ON CONFLICT DO NOTHING
RETURNING i.contact_id::text AS contact_id;

-- name: commit_import
-- All people of the file are stored; they are known from this time on.
UPDATE base_import SET phase = 'telling', progress = 0, commit_time = $2 WHERE import_id = $1;

-- name: read_members
-- The next rows of those who are known by an import, whole ones.
SELECT m.row_number, m.channel_user_id::text AS channel_user_id, m.born, u.contact_id::text AS contact_id,
    u.root_id::text AS root_id
FROM base_member AS m
LEFT JOIN channel_user AS u USING (channel_user_id)
WHERE m.import_id = $1 AND m.row_number > $2 AND m.row_number <= (
    SELECT max(row_number)
    FROM (
        SELECT row_number FROM base_member WHERE import_id = $1 AND row_number > $2 ORDER BY row_number LIMIT $3
    ) AS next
)
ORDER BY m.row_number, m.channel_user_id;

-- name: begin_undo
-- The import is being taken back.
UPDATE base_import SET state = 'undoing', phase = 'unlinking', progress = 0, end_actor = $2 WHERE import_id = $1;

-- name: find_links_of_import
-- Some of the links that hold because of an import.
SELECT link_id::text AS link_id
FROM link
WHERE cause_id = $1 AND evidence = 'import' AND end_time IS NULL
ORDER BY link_id
LIMIT $2;

-- name: drop_unmet
-- Of those whom the import made, who never wrote, claimed nothing, is in no other import, one person with nobody, and of whom
-- nobody said anything else is gone, with contact and identifiers. Their roots are locked. A message that comes at the same time wins or meets a stranger.
WITH unmet AS (
    SELECT u.channel_user_id, u.contact_id
    FROM channel_user AS u
    JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id
    WHERE u.channel_user_id = ANY ($2::uuid[])
        AND u.root_id = u.contact_id
        AND c.first_entry_time IS NULL AND c.profile_time IS NULL
        AND NOT EXISTS (SELECT FROM channel_user AS o WHERE o.root_id = u.contact_id AND o.root_id <> o.contact_id)
        AND NOT EXISTS (SELECT FROM phone_claim AS p WHERE p.channel_user_id = u.channel_user_id)
        AND NOT EXISTS (SELECT FROM first_touch AS f WHERE f.channel_user_id = u.channel_user_id)
        AND NOT EXISTS (SELECT FROM purchase AS b WHERE b.contact_id = u.contact_id)
        AND NOT EXISTS (SELECT FROM stage_change AS s WHERE s.contact_id = u.contact_id)
        AND NOT EXISTS (
            SELECT FROM contact_attribute AS a WHERE a.workspace_id = u.workspace_id AND a.contact_id = u.contact_id
        )
        AND NOT EXISTS (
            SELECT
            FROM contact_tag AS t
            WHERE t.workspace_id = u.workspace_id AND t.contact_id = u.contact_id
                AND (t.origin, t.source_id) <> ('import', $1::uuid::text)
        )
        AND NOT EXISTS (
            SELECT FROM base_member AS m WHERE m.channel_user_id = u.channel_user_id AND m.import_id <> $1
        )
        AND NOT EXISTS (
            SELECT
            FROM identifier AS i
            WHERE i.channel_user_id = u.channel_user_id AND i.import_id IS DISTINCT FROM $1
        )
), contacts AS (
    DELETE FROM contact AS c
    USING unmet AS u
    WHERE c.workspace_id = $3 AND c.contact_id = u.contact_id
        AND c.first_entry_time IS NULL AND c.profile_time IS NULL
    RETURNING c.contact_id
), tags AS (
    DELETE FROM contact_tag AS t USING contacts AS c WHERE t.workspace_id = $3 AND t.contact_id = c.contact_id
), said AS (
    DELETE FROM imported_attribute AS a USING contacts AS c WHERE a.workspace_id = $3 AND a.contact_id = c.contact_id
), users AS (
    DELETE FROM channel_user AS u USING contacts AS c WHERE u.contact_id = c.contact_id RETURNING u.channel_user_id
)
DELETE FROM identifier AS i USING users AS u WHERE i.channel_user_id = u.channel_user_id AND i.import_id = $1;

-- name: drop_taught_identifiers
-- E-mails and ids that the import gave to others are not theirs any more; a phone stays with who wrote from it.
DELETE FROM identifier
WHERE channel_user_id = ANY ($2::uuid[]) AND import_id = $1 AND kind <> 'phone';

-- name: drop_taught_tags
-- Tags that the import gave to others are not theirs any more.
DELETE FROM contact_tag AS t
USING channel_user AS u
WHERE u.channel_user_id = ANY ($2::uuid[]) AND t.workspace_id = u.workspace_id AND t.contact_id = u.contact_id
    AND t.origin = 'import' AND t.source_id = $1;

-- name: drop_taught_values
-- Values that the import gave to others are not theirs any more.
DELETE FROM imported_attribute AS a
USING channel_user AS u
WHERE u.channel_user_id = ANY ($2::uuid[]) AND a.workspace_id = u.workspace_id AND a.contact_id = u.contact_id
    AND a.import_id = $1;

-- name: delete_members
-- Nobody is known by these rows of the import.
DELETE FROM base_member WHERE import_id = $1 AND row_number > $2 AND row_number <= $3;
