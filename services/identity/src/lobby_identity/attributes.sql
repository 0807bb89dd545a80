-- name: lock_definitions
-- Nobody makes, changes or deletes attributes of the workspace, or sets values, before the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('identity.attributes.' || $1::uuid::text, 0));

-- name: share_definitions
-- Nobody makes, changes or deletes attributes of the workspace before the transaction ends. Taken before any other lock.
SELECT pg_advisory_xact_lock_shared(hashtextextended('identity.attributes.' || $1::uuid::text, 0));

-- name: update_attribute
-- What people call the attribute.
UPDATE attribute SET display_name = $3 WHERE workspace_id = $1 AND attribute_name = $2
RETURNING attribute_name, kind, display_name, create_time;

-- name: delete_attribute
-- There is no such attribute.
DELETE FROM attribute WHERE workspace_id = $1 AND attribute_name = $2 RETURNING true;

-- name: delete_values
-- Some values of the attribute are gone; how many.
WITH said AS (
    DELETE FROM contact_attribute
    WHERE workspace_id = $1 AND attribute_name = $2 AND contact_id IN (
        SELECT contact_id FROM contact_attribute WHERE workspace_id = $1 AND attribute_name = $2 LIMIT $3
    )
    RETURNING true
), imported AS (
    DELETE FROM imported_attribute
    WHERE workspace_id = $1 AND attribute_name = $2 AND (contact_id, import_id) IN (
        SELECT contact_id, import_id FROM imported_attribute WHERE workspace_id = $1 AND attribute_name = $2 LIMIT $3
    )
    RETURNING true
)
SELECT (SELECT count(*) FROM said) + (SELECT count(*) FROM imported);

-- name: insert_deleted
-- Values of the attribute are still to be removed.
INSERT INTO deleted_attribute (workspace_id, attribute_name, actor) VALUES ($1, $2, $3);

-- name: is_being_deleted
-- Whether values of a former attribute of the name are still to be removed.
SELECT EXISTS (SELECT FROM deleted_attribute WHERE workspace_id = $1 AND attribute_name = $2);

-- name: find_deleted
-- The attribute whose values are to be removed next; ours until the transaction ends.
SELECT workspace_id::text, attribute_name FROM deleted_attribute ORDER BY delete_time LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: end_deleted
-- The last value of the attribute was removed.
DELETE FROM deleted_attribute WHERE workspace_id = $1 AND attribute_name = $2;

-- name: insert_attribute
-- An attribute, unless there is one of its name.
INSERT INTO attribute (workspace_id, attribute_name, kind, display_name)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: list_attributes
-- The attributes of a workspace, by name.
SELECT attribute_name, kind, display_name, create_time FROM attribute WHERE workspace_id = $1 ORDER BY attribute_name;

-- name: read_values
-- The values of these records, those that were taken away too, but none of an attribute that was deleted.
SELECT
    v.contact_id::text, v.attribute_name, v.text_value, v.number_value, v.boolean_value, v.time_value, v.origin,
    v.source_id, v.set_time
FROM attribute_value AS v
JOIN attribute AS d USING (workspace_id, attribute_name)
WHERE v.workspace_id = $1 AND v.contact_id = ANY ($2::uuid[]);

-- name: set_values
-- The record has these values.
INSERT INTO contact_attribute AS c (
    workspace_id, contact_id, attribute_name, text_value, number_value, boolean_value, time_value, origin, source_id,
    set_time
)
SELECT
    $1, $2, attribute_name, text_value, number_value, boolean_value, time_value, $8, $9, clock_timestamp()
FROM unnest($3::text[], $4::text[], $5::float8[], $6::boolean[], $7::timestamptz[])
    AS v (attribute_name, text_value, number_value, boolean_value, time_value)
ON CONFLICT (workspace_id, contact_id, attribute_name) DO UPDATE
SET text_value = excluded.text_value,
    number_value = excluded.number_value,
    boolean_value = excluded.boolean_value,
    time_value = excluded.time_value,
    origin = excluded.origin,
    source_id = excluded.source_id,
    set_time = excluded.set_time;
