-- name: columns
-- A rule in the order of domain.Rule's fields.
r.rule_id::text, r.workspace_id::text, r.display_name, r.tag, r.kind, r.days, r.months, r.rule_time, r.currency,
r.amount_minor, r.words, r.create_time

-- name: insert_rule
-- A new rule. Returns when it was made.
INSERT INTO tag_rule (
    rule_id, workspace_id, display_name, tag, kind, days, months, rule_time, currency, amount_minor, words
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING create_time;

-- name: list_rules
-- The rules of a workspace that hold, the oldest first.
SELECT {columns}
FROM tag_rule AS r
WHERE r.workspace_id = $1 AND r.delete_time IS NULL
ORDER BY r.create_time, r.rule_id;

-- name: list_all_rules
-- The rules of all workspaces that hold.
SELECT {columns} FROM tag_rule AS r WHERE r.delete_time IS NULL ORDER BY r.create_time, r.rule_id;

-- name: read_mark
-- What is another value after every change of any rule.
SELECT count(*) AS count, coalesce(sum(change_number), 0)::bigint AS sum FROM tag_rule;

-- name: end_rule
-- The rule holds no more.
UPDATE tag_rule
SET delete_time = clock_timestamp(), change_number = nextval('tag_rule_change')
WHERE workspace_id = $1 AND rule_id = $2 AND delete_time IS NULL
RETURNING true;

-- name: set_lasting
-- Records have the tags of lasting rules. Returns those that had not.
INSERT INTO contact_tag AS t (workspace_id, contact_id, tag, origin, source_id, set_time)
SELECT workspace_id, contact_id, tag, 'rule', source_id, set_time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
    AS n (workspace_id, contact_id, tag, source_id, set_time)
ORDER BY workspace_id, contact_id, tag, source_id
ON CONFLICT DO NOTHING
RETURNING t.contact_id::text, t.source_id;

-- name: note_activity
-- Records wrote last then, or later.
INSERT INTO contact_activity AS a (contact_id, workspace_id, last_seen_time)
SELECT contact_id, workspace_id, last_seen_time
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS n (contact_id, workspace_id, last_seen_time)
ORDER BY contact_id
ON CONFLICT (contact_id) DO UPDATE
SET last_seen_time = excluded.last_seen_time
WHERE a.last_seen_time < excluded.last_seen_time;

-- name: read_activity
-- When each of some records wrote last, where it was noted, and since when there is something to note.
SELECT c.contact_id::text AS contact_id, a.last_seen_time, c.create_time
FROM contact AS c
LEFT JOIN contact_activity AS a USING (contact_id)
WHERE c.workspace_id = $1 AND c.contact_id = ANY ($2::uuid[]);

-- name: read_hidden
-- From which of some records tags of some rules were taken away.
SELECT setting_id::text AS rule_id, contact_id::text AS contact_id
FROM hidden_tag
WHERE setting_id = ANY ($1::uuid[]) AND contact_id = ANY ($2::uuid[]);

-- name: find_crossed
-- The persons of records that wrote last between two times.
SELECT DISTINCT u.root_id::text AS root_id
FROM contact_activity AS a
JOIN channel_user AS u ON u.contact_id = a.contact_id
WHERE a.workspace_id = $1 AND a.last_seen_time > $2 AND a.last_seen_time <= $3;

-- name: lock_sweep
-- Up to when those who crossed the boundary of a rule were told of; ours until the transaction ends.
SELECT sweep_time, clock_timestamp() AS now FROM tag_rule WHERE rule_id = $1 AND delete_time IS NULL FOR UPDATE;

-- name: move_sweep
-- Those who crossed the boundary up to then were told of.
UPDATE tag_rule SET sweep_time = $2 WHERE rule_id = $1;
