-- name: lock_record
-- The record is ours to tag, and nobody forgets its person meanwhile; none where he was forgotten.
SELECT contact_id::text AS contact_id
FROM contact
WHERE workspace_id = $1 AND contact_id = $2 AND erase_time IS NULL
FOR NO KEY UPDATE;

-- name: read_tags
-- The tags of these records, whoever or whatever set them, and from which records they were taken away.
SELECT t.contact_id::text AS contact_id, t.tag, t.origin, t.source_id, t.setting_id::text AS setting_id, t.set_time,
    ARRAY(SELECT h.contact_id::text FROM hidden_tag AS h WHERE h.setting_id = t.setting_id) AS hidden_from
FROM contact_tag AS t
WHERE t.workspace_id = $1 AND t.contact_id = ANY ($2::uuid[])
UNION ALL
SELECT c.contact_id::text, o.tag, 'import', '', '', NULL, '{}'
FROM contact AS c
CROSS JOIN LATERAL unnest(c.tags) AS o (tag)
WHERE c.workspace_id = $1 AND c.contact_id = ANY ($2::uuid[]) AND c.tags <> '{}'
    AND NOT EXISTS (
        SELECT
        FROM contact_tag AS t
        WHERE t.workspace_id = c.workspace_id AND t.contact_id = c.contact_id AND t.tag = o.tag
            AND t.origin = 'import' AND t.source_id = ''
    );

-- name: set_tag
-- The record has the tag, set just now.
INSERT INTO contact_tag (workspace_id, contact_id, tag, origin, source_id, set_time)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (workspace_id, contact_id, tag, origin, source_id) DO UPDATE
SET setting_id = excluded.setting_id, set_time = excluded.set_time;

-- name: hide_tags
-- These settings of a tag are taken away from a record and its person; those of before get a row of their own first.
WITH of_before AS (
    INSERT INTO contact_tag (workspace_id, contact_id, tag, origin, source_id)
    SELECT $1, contact_id, $2, 'import', ''
    FROM unnest($3::uuid[]) AS o (contact_id)
    ON CONFLICT DO NOTHING
    RETURNING setting_id
)
INSERT INTO hidden_tag (setting_id, contact_id, actor, hide_time)
SELECT setting_id, $5::uuid, $6::text, $7::timestamptz FROM of_before
UNION ALL
SELECT setting_id, $5, $6, $7 FROM unnest($4::uuid[]) AS s (setting_id)
ON CONFLICT DO NOTHING;
