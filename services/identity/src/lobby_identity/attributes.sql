-- name: insert_attribute
-- An attribute, unless there is one of its name.
INSERT INTO attribute (workspace_id, attribute_name, kind, display_name)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: list_attributes
-- The attributes of a workspace, by name.
SELECT attribute_name, kind, display_name, create_time FROM attribute WHERE workspace_id = $1 ORDER BY attribute_name;

-- name: read_values
-- The values of these records, those that were taken away too.
SELECT
    contact_id::text, attribute_name, text_value, number_value, boolean_value, time_value, origin, source_id, set_time
FROM attribute_value
WHERE workspace_id = $1 AND contact_id = ANY ($2::uuid[]);

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
