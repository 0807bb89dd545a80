-- name: tagged
-- The tag was set on the record.
SELECT FROM contact_tag AS t WHERE t.workspace_id = $1 AND t.contact_id = {record} AND t.tag = {0}::text

-- name: moved_to
-- The record was moved to the stage.
SELECT FROM stage_change AS s WHERE s.contact_id = {record} AND s.stage = {0}::text

-- name: moved
-- The record was moved to some stage.
SELECT FROM stage_change AS s WHERE s.contact_id = {record}

-- name: has_text
-- The text was set on the record.
SELECT FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.contact_id = {record} AND a.attribute_name = {0}::text AND a.text_value = {1}::text

-- name: has_number
-- The number was set on the record.
SELECT FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.contact_id = {record} AND a.attribute_name = {0}::text AND a.number_value = {1}::float8

-- name: has_boolean
-- True or false was set on the record.
SELECT FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.contact_id = {record} AND a.attribute_name = {0}::text AND a.boolean_value = {1}::boolean

-- name: has_time
-- The time was set on the record.
SELECT FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.contact_id = {record} AND a.attribute_name = {0}::text AND a.time_value = {1}::timestamptz

-- name: bought
-- The record bought something in the currency.
SELECT FROM purchase AS p WHERE p.contact_id = {record} AND p.currency = {0}::text

-- name: wrote
-- It is noted that the record wrote after that, or nothing is noted and it was made after that.
SELECT FROM contact AS c
LEFT JOIN contact_activity AS a USING (contact_id)
WHERE c.workspace_id = $1 AND c.contact_id = {record}
    AND coalesce(a.last_seen_time, c.create_time) > {0}::timestamptz

-- name: seen
-- The record wrote after that, or was made after that.
SELECT FROM contact AS c
LEFT JOIN contact_activity AS a USING (contact_id)
WHERE c.workspace_id = $1 AND c.contact_id = {record} AND greatest(a.last_seen_time, c.create_time) > {0}::timestamptz

-- name: entered_before
-- The record wrote first before that.
SELECT FROM contact AS c
WHERE c.workspace_id = $1 AND c.contact_id = {record} AND c.first_entry_time < {0}::timestamptz

-- name: entered_from
-- The record wrote first then or later.
SELECT FROM contact AS c
WHERE c.workspace_id = $1 AND c.contact_id = {record} AND c.first_entry_time >= {0}::timestamptz

-- name: find_tagged
-- Records on which the tag was set.
SELECT t.contact_id FROM contact_tag AS t WHERE t.workspace_id = $1 AND t.tag = {0}::text

-- name: find_moved_to
-- Records that were moved to the stage.
SELECT s.contact_id FROM stage_change AS s WHERE s.workspace_id = $1 AND s.stage = {0}::text

-- name: find_bought
-- Records that bought something in the currency.
SELECT p.contact_id FROM purchase AS p WHERE p.workspace_id = $1 AND p.currency = {0}::text

-- name: find_has_text
-- Records on which the text was set.
SELECT a.contact_id
FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.attribute_name = {0}::text
    AND hashtextextended(a.text_value, 0) = hashtextextended({1}::text, 0) AND a.text_value = {1}::text

-- name: find_has_number
-- Records on which the number was set.
SELECT a.contact_id
FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.attribute_name = {0}::text AND a.number_value = {1}::float8

-- name: find_has_boolean
-- Records on which true or false was set.
SELECT a.contact_id
FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.attribute_name = {0}::text AND a.boolean_value = {1}::boolean

-- name: find_has_time
-- Records on which the time was set.
SELECT a.contact_id
FROM attribute_value AS a
WHERE a.workspace_id = $1 AND a.attribute_name = {0}::text AND a.time_value = {1}::timestamptz

-- name: count_records
-- How many they are, as far as they are no more than so many.
SELECT count(*) FROM ({records} LIMIT {limit}) AS f

-- name: person_has
-- Some record of the person is so. OFFSET 0: looked for person by person, not for the whole workspace first.
(
    EXISTS ({own} OFFSET 0)
    OR EXISTS (
        SELECT FROM channel_user AS v
        WHERE v.root_id = r.root_id AND v.root_id <> v.contact_id AND EXISTS ({below} OFFSET 0)
        OFFSET 0
    )
)

-- name: all_roots
-- Canonical contacts, newest first.
SELECT c.contact_id AS root_id
FROM contact AS c
JOIN channel_user AS u ON u.contact_id = c.contact_id AND u.root_id = u.contact_id
WHERE c.workspace_id = $1 AND {after}
ORDER BY c.contact_id DESC

-- name: few_roots
-- Canonical contacts of some records, newest first.
SELECT DISTINCT c.root_id
FROM channel_user AS c
WHERE c.workspace_id = $1 AND c.contact_id IN ({records}) AND {after}
ORDER BY c.root_id DESC

-- name: all_names
-- Records whose name starts with a prefix, by name.
SELECT c.name_key, c.contact_id, u.root_id
FROM contact AS c
JOIN channel_user AS u ON u.contact_id = c.contact_id
WHERE c.workspace_id = $1 AND c.name_key <> ''
    AND c.name_key >= $2::text AND c.name_key < $2::text || U&'\+10FFFF' AND {after}
ORDER BY c.name_key, c.contact_id

-- name: few_names
-- Those of them that are records of the persons of some records.
SELECT c.name_key, c.contact_id, u.root_id
FROM (SELECT DISTINCT a.root_id FROM channel_user AS a WHERE a.contact_id IN ({records})) AS p
JOIN channel_user AS u ON u.contact_id = p.root_id OR (u.root_id = p.root_id AND u.root_id <> u.contact_id)
JOIN contact AS c ON c.workspace_id = $1 AND c.contact_id = u.contact_id
WHERE c.name_key <> '' AND c.name_key >= $2::text AND c.name_key < $2::text || U&'\+10FFFF' AND {after}
ORDER BY c.name_key, c.contact_id

-- name: list_roots
-- Canonical contacts, newest first.
SELECT r.root_id::text AS root_id FROM ({source}) AS r WHERE {conditions} ORDER BY r.root_id DESC LIMIT {limit}

-- name: list_names
-- Records whose name starts with a prefix, by name: of each person the first such record, without those found by address.
SELECT r.name_key, r.contact_id::text AS contact_id, r.root_id::text AS root_id
FROM ({source}) AS r
WHERE NOT EXISTS (
        SELECT FROM channel_user AS v
        JOIN contact AS d ON d.workspace_id = v.workspace_id AND d.contact_id = v.contact_id
        WHERE (v.contact_id = r.root_id OR (v.root_id = r.root_id AND v.root_id <> v.contact_id))
            AND starts_with(d.name_key, $2::text)
            AND (d.name_key, d.contact_id) < (r.name_key, r.contact_id)
    )
    AND NOT EXISTS (
        SELECT FROM channel_user AS v
        JOIN identifier AS i ON i.channel_user_id = v.channel_user_id
        WHERE (v.contact_id = r.root_id OR (v.root_id = r.root_id AND v.root_id <> v.contact_id))
            AND i.match_key = ANY ({keys}::text[])
    )
    AND {conditions}
ORDER BY r.name_key, r.contact_id
LIMIT {limit}

-- name: find_end
-- The last row of a stretch of them; none where the list ends before.
SELECT r.* FROM ({source}) AS r OFFSET {last} LIMIT 1
