-- name: find_life_cycle
-- What the workspace chose.
SELECT stages, purchase_stage FROM life_cycle WHERE workspace_id = $1;

-- name: write_life_cycle
-- The workspace chooses this.
INSERT INTO life_cycle (workspace_id, stages, purchase_stage)
VALUES ($1, $2, $3)
ON CONFLICT (workspace_id) DO UPDATE SET stages = excluded.stages, purchase_stage = excluded.purchase_stage;

-- name: insert_change
-- A record moved to a stage.
INSERT INTO stage_change (change_id, workspace_id, contact_id, stage, former_stage, origin, source_id)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING change_time;

-- name: read_last
-- The last change of each of these records.
SELECT
    l.change_id::text, l.contact_id::text, l.stage, l.former_stage, l.origin, l.source_id, l.change_time
FROM unnest($1::uuid[]) AS r (contact_id)
CROSS JOIN LATERAL (
    SELECT s.change_id, s.contact_id, s.stage, s.former_stage, s.origin, s.source_id, s.change_time
    FROM stage_change AS s
    WHERE s.contact_id = r.contact_id
    ORDER BY s.change_time DESC, s.change_id DESC
    LIMIT 1
) AS l;

-- name: list_changes
-- Changes of these records, the newest first, after one of them.
SELECT change_id::text, contact_id::text, stage, former_stage, origin, source_id, change_time
FROM stage_change
WHERE contact_id = ANY ($1::uuid[])
    AND ($2::timestamptz IS NULL OR (change_time, change_id) < ($2, $3::uuid))
ORDER BY change_time DESC, change_id DESC
LIMIT $4;
