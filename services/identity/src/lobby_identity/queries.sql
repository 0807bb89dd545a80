-- name: read_holdings
-- Who holds the addresses asked for, retired ones too, with what is known of the holder's own record.
SELECT
    k.n,
    i.channel_user_id::text AS channel_user_id,
    i.first_seen_time,
    i.retired_time,
    u.first_seen_time AS age,
    u.contact_id::text AS contact_id,
    u.root_id::text AS root_id,
    c.display_name,
    c.language,
    c.country,
    c.first_entry_time,
    c.profile_time
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS k (workspace_id, match_key, kind, scope, n)
JOIN identifier AS i
    ON i.workspace_id = k.workspace_id AND i.match_key = k.match_key AND i.kind = k.kind AND i.scope = k.scope
LEFT JOIN channel_user AS u ON u.channel_user_id = i.channel_user_id
LEFT JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id;

-- name: read_claimants
-- Who claimed the phones asked for, and when last.
SELECT
    k.n,
    p.claim_time,
    p.channel_user_id::text AS channel_user_id,
    u.first_seen_time AS age,
    u.contact_id::text AS contact_id,
    u.root_id::text AS root_id,
    c.display_name,
    c.language,
    c.country,
    c.first_entry_time,
    c.profile_time
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (workspace_id, match_key, n)
JOIN phone_claim AS p ON p.workspace_id = k.workspace_id AND p.match_key = k.match_key
JOIN channel_user AS u ON u.channel_user_id = p.channel_user_id
JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id;

-- name: find_unknown
-- Which of the identifiers lead to nobody.
SELECT r.n
FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS r (n, workspace_id, match_key, kind, scope)
WHERE NOT EXISTS (
    SELECT
    FROM identifier AS i
    JOIN channel_user AS u USING (channel_user_id)
    JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id
    WHERE i.workspace_id = r.workspace_id AND i.match_key = r.match_key AND i.kind = r.kind AND i.scope = r.scope
)

-- name: restore_identifiers
-- Identifiers that were lost lead to channel users who are there; what somebody holds stays his.
INSERT INTO identifier (workspace_id, match_key, kind, scope, value, channel_user_id, platform, first_seen_time)
SELECT DISTINCT ON (b.workspace_id, b.match_key, b.kind, b.scope)
    b.workspace_id, b.match_key, b.kind, b.scope, b.value, b.channel_user_id, b.platform, b.first_seen_time
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::smallint[], $8::timestamptz[]
) AS b (workspace_id, match_key, kind, scope, value, channel_user_id, platform, first_seen_time)
JOIN channel_user AS u ON u.channel_user_id = b.channel_user_id AND u.workspace_id = b.workspace_id
ORDER BY b.workspace_id, b.match_key, b.kind, b.scope, b.first_seen_time
ON CONFLICT DO NOTHING;

-- name: find_born
-- Channel users that are there, with the contacts they were born with.
SELECT channel_user_id::text, contact_id::text
FROM channel_user
WHERE channel_user_id = ANY ($1::uuid[]);

-- name: find_linked
-- Those of some contacts that a link names, whether it holds or was undone.
SELECT named.contact_id::text
FROM unnest($1::uuid[]) AS named (contact_id)
WHERE EXISTS (SELECT FROM link AS l WHERE named.contact_id IN (l.contact_id, l.other_contact_id));

-- name: restore_people
-- Channel users and contacts that were lost are there. Where links hold, the person's canonical contact is that of those
-- in it who are left; where nobody is, the last link says which it is: the one named first, or by rule the older one.
WITH RECURSIVE born AS (
    SELECT
        workspace_id, channel_user_id, contact_id, platform, first_seen_time, display_name, name_key, language,
        country, first_entry_time, profile_time
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[]
    ) AS b (
        workspace_id, channel_user_id, contact_id, platform, first_seen_time, display_name, name_key, language,
        country, first_entry_time, profile_time
    )
), member (start_id, contact_id) AS (
    SELECT contact_id, contact_id
    FROM born
    UNION
    SELECT m.start_id, CASE WHEN l.contact_id = m.contact_id THEN l.other_contact_id ELSE l.contact_id END
    FROM member AS m
    JOIN link AS l ON l.end_time IS NULL AND m.contact_id IN (l.contact_id, l.other_contact_id)
), rooted AS (
    SELECT
        b.contact_id,
        coalesce(left_over.root_id, last.root_id, b.contact_id) AS root_id,
        coalesce(left_over.version, last.version, 0) AS version
    FROM born AS b
    LEFT JOIN LATERAL (
        SELECT u.root_id, u.version
        FROM member AS m
        JOIN channel_user AS u ON u.contact_id = m.contact_id
        WHERE m.start_id = b.contact_id
        LIMIT 1
    ) AS left_over ON true
    LEFT JOIN LATERAL (
        SELECT
            CASE l.evidence WHEN 'manual' THEN l.contact_id ELSE least(l.contact_root_id, l.other_root_id) END
                AS root_id,
            l.version
        FROM member AS m
        JOIN link AS l ON l.contact_id = m.contact_id AND l.end_time IS NULL
        WHERE m.start_id = b.contact_id
        ORDER BY l.version DESC
        LIMIT 1
    ) AS last ON true
), users AS (
    INSERT INTO channel_user
        (channel_user_id, workspace_id, contact_id, root_id, version, below_since, platform, first_seen_time)
    SELECT
        b.channel_user_id, b.workspace_id, b.contact_id, r.root_id, r.version,
        CASE WHEN r.root_id = b.contact_id THEN 0 ELSE r.version END, b.platform, b.first_seen_time
    FROM born AS b
    JOIN rooted AS r USING (contact_id)
    ON CONFLICT DO NOTHING
)
INSERT INTO contact
    (workspace_id, contact_id, display_name, name_key, language, country, first_entry_time, profile_time)
SELECT workspace_id, contact_id, display_name, name_key, language, country, first_entry_time, profile_time
FROM born
ON CONFLICT DO NOTHING;

-- name: retire_identifiers
-- The addresses no longer match; those that another transaction retired stay as they are.
WITH held AS (
    SELECT i.workspace_id, i.match_key, i.kind, i.scope, r.until
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
        AS r (workspace_id, match_key, kind, scope, until)
    JOIN identifier AS i
        ON i.workspace_id = r.workspace_id AND i.match_key = r.match_key AND i.kind = r.kind AND i.scope = r.scope
    WHERE i.retired_time = 'infinity'
    ORDER BY i.workspace_id, i.match_key, i.kind, i.scope
    FOR UPDATE OF i
)
UPDATE identifier AS i
SET retired_time = held.until
FROM held
WHERE i.workspace_id = held.workspace_id AND i.match_key = held.match_key AND i.kind = held.kind
    AND i.scope = held.scope AND i.retired_time = 'infinity';

-- name: insert_identifiers
-- New addresses, and claimed phones whose channel user is met now. Those not returned belong to somebody else.
INSERT INTO identifier AS i
    (workspace_id, match_key, kind, scope, retired_time, value, channel_user_id, platform, first_seen_time, claimed)
SELECT
    b.workspace_id, b.match_key, b.kind, b.scope, b.retired_time, b.value, b.channel_user_id, b.platform,
    b.first_seen_time, b.channel_user_id IS NULL
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::smallint[],
    $9::timestamptz[]
) AS b (workspace_id, match_key, kind, scope, retired_time, value, channel_user_id, platform, first_seen_time)
ORDER BY b.workspace_id, b.match_key COLLATE "C", b.kind COLLATE "C", b.scope COLLATE "C", b.retired_time
ON CONFLICT (workspace_id, match_key, kind, scope, retired_time) DO UPDATE
SET channel_user_id = excluded.channel_user_id,
    value = excluded.value,
    platform = excluded.platform,
    first_seen_time = excluded.first_seen_time
WHERE i.channel_user_id IS NULL AND excluded.channel_user_id IS NOT NULL
RETURNING i.workspace_id::text AS workspace_id, i.match_key, i.kind, i.scope, i.retired_time, i.claimed;

-- name: rebind_identifiers
-- Addresses written in this transaction lead to another channel user, who was found when it lost a race.
UPDATE identifier AS i
SET channel_user_id = b.channel_user_id
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[])
    AS b (workspace_id, match_key, kind, scope, retired_time, channel_user_id)
WHERE i.workspace_id = b.workspace_id AND i.match_key = b.match_key AND i.kind = b.kind AND i.scope = b.scope
    AND i.retired_time = b.retired_time;

-- name: insert_people
-- Channel users met for the first time, each with the contact it begins as.
WITH born AS (
    SELECT
        workspace_id, channel_user_id, contact_id, platform, first_seen_time, display_name, name_key, language,
        country, first_entry_time, profile_time
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[]
    ) AS b (
        workspace_id, channel_user_id, contact_id, platform, first_seen_time, display_name, name_key, language,
        country, first_entry_time, profile_time
    )
), users AS (
    INSERT INTO channel_user (channel_user_id, workspace_id, contact_id, root_id, platform, first_seen_time)
    SELECT channel_user_id, workspace_id, contact_id, contact_id, platform, first_seen_time FROM born
)
INSERT INTO contact
    (workspace_id, contact_id, display_name, name_key, language, country, first_entry_time, profile_time)
SELECT workspace_id, contact_id, display_name, name_key, language, country, first_entry_time, profile_time FROM born;

-- name: insert_claims
-- Phones that wait for their channel user.
INSERT INTO phone_claim AS p (workspace_id, match_key, channel_user_id, value, event_id, claim_time)
SELECT workspace_id, match_key, channel_user_id, value, event_id, claim_time
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
    AS c (workspace_id, match_key, channel_user_id, value, event_id, claim_time)
ORDER BY workspace_id, match_key, channel_user_id
ON CONFLICT (workspace_id, match_key, channel_user_id) DO UPDATE
SET claim_time = excluded.claim_time, event_id = excluded.event_id
WHERE p.claim_time < excluded.claim_time;

-- name: insert_touches
-- The first touch of each channel user: the earliest that is known; in the same second one with a source.
INSERT INTO first_touch AS f (
    channel_user_id, workspace_id, account_id, platform, touch_time, source_type, source_id, click_id, source_url,
    headline
)
SELECT
    channel_user_id, workspace_id, account_id, platform, touch_time, source_type, source_id, click_id, source_url,
    headline
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]
) AS t (
    channel_user_id, workspace_id, account_id, platform, touch_time, source_type, source_id, click_id, source_url,
    headline
)
ORDER BY channel_user_id
ON CONFLICT (channel_user_id) DO UPDATE
SET account_id = excluded.account_id,
    platform = excluded.platform,
    touch_time = excluded.touch_time,
    source_type = excluded.source_type,
    source_id = excluded.source_id,
    click_id = excluded.click_id,
    source_url = excluded.source_url,
    headline = excluded.headline
WHERE excluded.touch_time < f.touch_time
    OR (excluded.touch_time = f.touch_time AND f.source_type = '' AND excluded.source_type <> '');

-- name: read_touches
-- Where these channel users came from first; touches of before are of the platform of the user himself.
SELECT
    f.channel_user_id::text AS channel_user_id,
    f.account_id,
    CASE f.platform WHEN 0 THEN u.platform ELSE f.platform END AS platform,
    f.touch_time,
    f.source_type,
    f.source_id,
    f.click_id,
    f.source_url,
    f.headline
FROM first_touch AS f
JOIN channel_user AS u USING (channel_user_id)
WHERE f.channel_user_id = ANY ($1::uuid[]);

-- name: update_profiles
-- What records know after the hints of a batch; rows are locked in order.
WITH learnt AS (
    SELECT
        c.workspace_id, c.contact_id, p.display_name, p.name_key, p.language, p.country, p.first_entry_time,
        p.profile_time
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]
    ) AS p (
        workspace_id, contact_id, display_name, name_key, language, country, first_entry_time, profile_time
    )
    JOIN contact AS c USING (workspace_id, contact_id)
    WHERE c.erase_time IS NULL
    ORDER BY c.workspace_id, c.contact_id
    FOR NO KEY UPDATE OF c
)
UPDATE contact AS c
SET display_name = learnt.display_name,
    name_key = learnt.name_key,
    language = learnt.language,
    country = learnt.country,
    first_entry_time = LEAST(c.first_entry_time, learnt.first_entry_time),
    profile_time = learnt.profile_time
FROM learnt
WHERE c.workspace_id = learnt.workspace_id AND c.contact_id = learnt.contact_id;

-- name: lock_roots
-- The persons of these records are ours to change, taken in order; one that moved meanwhile shows in read_records.
-- Advisory locks, because a row lock on a root that moved would block the owner of its new root: a deadlock.
SELECT
    r.root_id::text AS root_id,
    pg_advisory_xact_lock(hashtextextended('identity.root.' || r.root_id::text, 0))
FROM (
    SELECT DISTINCT u.root_id FROM channel_user AS u WHERE u.contact_id = ANY($1::uuid[]) ORDER BY u.root_id
) AS r;

-- name: read_records
-- All records below these roots, and the records named, wherever they are.
SELECT
    u.contact_id::text AS contact_id,
    u.channel_user_id::text AS channel_user_id,
    u.root_id::text AS root_id,
    u.first_seen_time,
    u.version,
    u.below_since
FROM channel_user AS u
WHERE u.contact_id = ANY($1::uuid[] || $2::uuid[])
    OR (u.root_id = ANY($1::uuid[]) AND u.root_id <> u.contact_id);

-- name: share_ids
-- Nobody gives people of these workspaces, taken in order, ids before the transaction ends.
SELECT pg_advisory_xact_lock_shared(hashtextextended('identity.ids.' || w.workspace_id::text, 0))
FROM (SELECT DISTINCT workspace_id FROM unnest($1::uuid[]) AS w (workspace_id) ORDER BY workspace_id) AS w;

-- name: read_crm_scopes
-- Which of these records have ids of the workspace's own systems, and of which.
SELECT DISTINCT u.contact_id::text AS contact_id, i.scope
FROM channel_user AS u
JOIN identifier AS i ON i.channel_user_id = u.channel_user_id
WHERE u.contact_id = ANY ($1::uuid[]) AND i.kind = 'crm_id' AND i.retired_time = 'infinity';

-- name: read_start_time
-- When the database was started.
SELECT pg_postmaster_start_time();

-- name: warm_people
-- What leads from an address to a person is in memory; how many blocks were read.
SELECT warm_people();

-- name: draw_versions
-- So many new versions, ascending.
SELECT nextval('membership_version') AS version FROM generate_series(1, $1::int);

-- name: find_links
-- Which of these links exist, ended or not.
SELECT link_id::text AS link_id FROM link WHERE link_id = ANY($1::uuid[]);

-- name: insert_links
-- New links.
INSERT INTO link (
    link_id, workspace_id, contact_id, other_contact_id, evidence, actor, note, cause_id, contact_root_id,
    other_root_id, version, create_time, end_time, end_reason
)
SELECT
    link_id, workspace_id, contact_id, other_contact_id, evidence, actor, note, cause_id, contact_root_id,
    other_root_id, version, create_time, CASE WHEN end_reason <> '' THEN create_time END, end_reason
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[],
    $10::uuid[], $11::bigint[], $12::timestamptz[], $13::text[]
) AS l (
    link_id, workspace_id, contact_id, other_contact_id, evidence, actor, note, cause_id, contact_root_id,
    other_root_id, version, create_time, end_reason
);

-- name: update_records
-- The pointers of the groups whose roots are locked.
UPDATE channel_user AS u
SET root_id = r.root_id, version = r.version, below_since = r.below_since
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS r (contact_id, root_id, version, below_since)
WHERE u.contact_id = r.contact_id;

-- name: find_link
-- One link of a workspace.
SELECT
    link_id::text AS link_id,
    contact_id::text AS contact_id,
    other_contact_id::text AS other_contact_id,
    contact_root_id::text AS contact_root_id,
    other_root_id::text AS other_root_id,
    version,
    note,
    create_time,
    end_time,
    end_reason
FROM link
WHERE workspace_id = $1::uuid AND link_id = $2::uuid;

-- name: end_link
-- The link no longer holds.
UPDATE link
SET end_time = $2::timestamptz, end_actor = $3::text, end_reason = 'undone'
WHERE link_id = $1::uuid AND end_time IS NULL;

-- name: read_edges
-- The links that hold between these records.
SELECT link_id::text AS link_id, contact_id::text AS contact_id, other_contact_id::text AS other_contact_id
FROM link
WHERE contact_id = ANY($1::uuid[]) AND end_time IS NULL;

-- name: read_profiles
-- All records of the persons to whom these contacts belong, and what they know, oldest record first.
SELECT
    u.root_id::text AS root_id,
    u.contact_id::text AS contact_id,
    u.channel_user_id::text AS channel_user_id,
    c.display_name,
    c.language,
    c.country,
    c.first_entry_time
FROM (
    SELECT DISTINCT a.root_id FROM channel_user AS a
    WHERE a.workspace_id = $1::uuid AND a.contact_id = ANY($2::uuid[])
) AS asked
JOIN channel_user AS u
    ON u.contact_id = asked.root_id OR (u.root_id = asked.root_id AND u.root_id <> u.contact_id)
JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id
ORDER BY u.first_seen_time, u.contact_id;

-- name: read_identifiers
-- The addresses of these channel users, and the phones they claim and nobody holds, first met first.
SELECT kind, scope, value, channel_user_id::text AS channel_user_id, platform, first_seen_time, retired_time
FROM identifier
WHERE channel_user_id = ANY($1::uuid[])
UNION ALL
SELECT 'phone', '', w.value, w.channel_user_id::text, u.platform, w.claim_time, 'infinity'
FROM waiting_claim AS w
JOIN channel_user AS u ON u.channel_user_id = w.channel_user_id
WHERE w.channel_user_id = ANY($1::uuid[])
ORDER BY first_seen_time, kind, value;

-- name: find_roots_by_identifier
-- Canonical contacts that have or had one of these addresses, or claim it as their phone, newest first.
SELECT DISTINCT u.root_id::text AS contact_id
FROM (
    SELECT i.channel_user_id FROM identifier AS i
    WHERE i.workspace_id = $1::uuid AND i.match_key = ANY($2::text[])
    UNION ALL
    SELECT w.channel_user_id FROM waiting_claim AS w
    WHERE w.workspace_id = $1::uuid AND w.match_key = ANY($2::text[])
) AS found
JOIN channel_user AS u ON u.channel_user_id = found.channel_user_id
WHERE $3::uuid IS NULL OR u.root_id < $3::uuid
ORDER BY contact_id DESC
LIMIT $4::int;

-- name: insert_mentions
-- What people typed, each value once per contact.
INSERT INTO mention (workspace_id, kind, match_key, contact_id, mention_time)
SELECT DISTINCT ON (workspace_id, kind, match_key, contact_id) workspace_id, kind, match_key, contact_id, mention_time
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
    AS m (workspace_id, kind, match_key, contact_id, mention_time)
ORDER BY workspace_id, kind, match_key, contact_id, mention_time
ON CONFLICT (workspace_id, kind, match_key, contact_id) DO NOTHING;

-- name: insert_unweighed
-- Contacts of whom something new is known.
INSERT INTO unweighed AS u (workspace_id, contact_id)
SELECT DISTINCT workspace_id, contact_id
FROM unnest($1::uuid[], $2::uuid[]) AS c (workspace_id, contact_id)
ORDER BY workspace_id, contact_id
ON CONFLICT (workspace_id, contact_id) DO UPDATE
SET change_time = clock_timestamp();

-- name: read_unweighed
-- The contacts that have waited longest to be weighed, of one workspace.
WITH oldest AS (
    SELECT workspace_id FROM unweighed ORDER BY change_time LIMIT 1
)
SELECT u.workspace_id::text AS workspace_id, u.contact_id::text AS contact_id, u.change_time
FROM unweighed AS u
JOIN oldest ON oldest.workspace_id = u.workspace_id
ORDER BY u.change_time
LIMIT $1;

-- name: delete_unweighed
-- What was weighed waits no more, unless something new came meanwhile.
DELETE FROM unweighed AS u
USING unnest($2::uuid[], $3::timestamptz[]) AS w (contact_id, change_time)
WHERE u.workspace_id = $1 AND u.contact_id = w.contact_id AND u.change_time = w.change_time;

-- name: read_records_to_weigh
-- What may be compared of every record of the persons to whom the contacts belong.
SELECT
    u.root_id::text AS root_id,
    u.contact_id::text AS contact_id,
    c.display_name,
    c.language,
    c.country,
    coalesce(t.source_id, '') AS campaign,
    t.touch_time,
    ARRAY(
        SELECT i.match_key FROM identifier AS i WHERE i.channel_user_id = u.channel_user_id AND i.kind = 'phone'
    ) AS own_phones,
    ARRAY(SELECT m.match_key FROM mention AS m WHERE m.contact_id = u.contact_id AND m.kind = 'phone') AS phones,
    ARRAY(SELECT m.match_key FROM mention AS m WHERE m.contact_id = u.contact_id AND m.kind = 'email') AS emails,
    ARRAY(SELECT m.match_key FROM mention AS m WHERE m.contact_id = u.contact_id AND m.kind = 'avatar') AS avatars,
    ARRAY(
        SELECT i.scope FROM identifier AS i
        WHERE i.channel_user_id = u.channel_user_id AND i.kind = 'crm_id' AND i.retired_time = 'infinity'
    ) AS crm_scopes
FROM (
    SELECT DISTINCT a.root_id FROM channel_user AS a
    WHERE a.workspace_id = $1::uuid AND a.contact_id = ANY($2::uuid[])
) AS asked
JOIN channel_user AS u
    ON u.contact_id = asked.root_id OR (u.root_id = asked.root_id AND u.root_id <> u.contact_id)
JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id
LEFT JOIN first_touch AS t ON t.channel_user_id = u.channel_user_id
ORDER BY u.first_seen_time, u.contact_id;

-- name: mark_shared_values
-- Values that more contacts have than may (`most`) are shared from now on; gives those that were not before.
INSERT INTO shared_value (workspace_id, kind, match_key)
SELECT $1::uuid, v.kind, v.match_key
FROM unnest($2::text[], $3::text[], $4::int[]) AS v (kind, match_key, most)
WHERE (
    SELECT count(*)
    FROM (
        SELECT m.contact_id
        FROM mention AS m
        WHERE m.workspace_id = $1 AND m.kind = v.kind AND m.match_key = v.match_key
        LIMIT v.most + 1
    ) AS holders
) > v.most
ORDER BY v.kind, v.match_key
ON CONFLICT DO NOTHING
RETURNING kind, match_key;

-- name: read_shared_values
-- Which of these values are shared.
SELECT s.kind, s.match_key
FROM unnest($2::text[], $3::text[]) AS v (kind, match_key)
JOIN shared_value AS s ON s.workspace_id = $1 AND s.kind = v.kind AND s.match_key = v.match_key;

-- name: insert_mentioners_unweighed
-- Whoever has one of these values is weighed again.
INSERT INTO unweighed AS u (workspace_id, contact_id)
SELECT DISTINCT m.workspace_id, m.contact_id
FROM mention AS m
JOIN unnest($2::text[], $3::text[]) AS v (kind, match_key) ON m.kind = v.kind AND m.match_key = v.match_key
WHERE m.workspace_id = $1
ORDER BY m.contact_id
ON CONFLICT (workspace_id, contact_id) DO UPDATE
SET change_time = clock_timestamp();

-- name: replace_likeness_keys
-- The contact is found by these keys and no others.
WITH gone AS (
    DELETE FROM likeness_key WHERE workspace_id = $1 AND contact_id = $2 AND key <> ALL ($3::bigint[])
)
INSERT INTO likeness_key (workspace_id, key, contact_id)
SELECT DISTINCT $1::uuid, k.key, $2::uuid FROM unnest($3::bigint[]) AS k (key) ORDER BY 2
ON CONFLICT DO NOTHING;

-- name: find_alike
-- The persons that share a key, of those keys that no more than $3 contacts have.
SELECT DISTINCT u.root_id::text AS root_id
FROM unnest($2::bigint[]) AS k (key)
CROSS JOIN LATERAL (
    SELECT array_agg(m.contact_id) AS contacts
    FROM (SELECT l.contact_id FROM likeness_key AS l WHERE l.workspace_id = $1 AND l.key = k.key LIMIT $3::int + 1) AS m
) AS block
CROSS JOIN LATERAL unnest(block.contacts) AS c (contact_id)
JOIN channel_user AS u ON u.contact_id = c.contact_id
WHERE cardinality(block.contacts) <= $3::int;

-- name: sample_contacts
-- What contacts of a workspace are like: $2 of them by chance, and how many there are.
SELECT
    c.contact_id::text AS contact_id,
    c.display_name,
    c.language,
    c.country,
    coalesce(t.source_id, '') AS campaign,
    t.touch_time,
    count(*) OVER () AS contacts
FROM contact AS c
JOIN channel_user AS u ON u.contact_id = c.contact_id
LEFT JOIN first_touch AS t ON t.channel_user_id = u.channel_user_id
WHERE c.workspace_id = $1
ORDER BY hashtext(c.contact_id::text)
LIMIT $2;

-- name: read_not_same
-- Which of these contacts somebody said are not the same.
SELECT contact_id::text AS contact_id, other_contact_id::text AS other_contact_id
FROM not_same
WHERE contact_id = ANY($1::uuid[]) AND other_contact_id = ANY($1::uuid[]);

-- name: insert_not_same
-- The two are not one person.
INSERT INTO not_same (workspace_id, contact_id, other_contact_id, actor, note, create_time)
VALUES ($1, least($2::uuid, $3::uuid), greatest($2::uuid, $3::uuid), $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: delete_not_same
-- Nobody says any more that the two are not one person.
DELETE FROM not_same
WHERE workspace_id = $1 AND contact_id = least($2::uuid, $3::uuid) AND other_contact_id = greatest($2::uuid, $3::uuid);

-- name: upsert_suggestions
-- What the pairs weigh now. What somebody decided stays; strong evidence that is held is not outweighed.
INSERT INTO suggestion AS s
    (suggestion_id, workspace_id, contact_id, other_contact_id, evidence, probability, reasons)
SELECT n.suggestion_id, $1::uuid, n.contact_id, n.other_contact_id, n.evidence, n.probability, n.reasons::jsonb
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::float8[], $7::text[])
    AS n (suggestion_id, contact_id, other_contact_id, evidence, probability, reasons)
ORDER BY n.contact_id, n.other_contact_id
ON CONFLICT ON CONSTRAINT suggestion_pair DO UPDATE
SET evidence = excluded.evidence, probability = excluded.probability, reasons = excluded.reasons
WHERE s.state = 'open' AND (s.evidence = 'likeness' OR excluded.evidence <> 'likeness');

-- name: hold_for_a_person
-- Strong evidence for two who are not the same: open again, whatever was decided before.
INSERT INTO suggestion AS s
    (suggestion_id, workspace_id, contact_id, other_contact_id, evidence, probability, reasons)
VALUES ($2, $1, least($3::uuid, $4::uuid), greatest($3::uuid, $4::uuid), $5, 1, $6::text::jsonb)
ON CONFLICT ON CONSTRAINT suggestion_pair DO UPDATE
SET evidence = excluded.evidence, probability = 1, reasons = excluded.reasons, state = 'open', decide_time = NULL, actor = ''
WHERE s.evidence <> excluded.evidence;

-- name: delete_outweighed
-- Open suggestions of likeness with this person that were not found again are gone.
DELETE FROM suggestion
WHERE workspace_id = $1 AND state = 'open' AND evidence = 'likeness'
    AND (contact_id = ANY($2::uuid[]) OR other_contact_id = ANY($2::uuid[]))
    AND suggestion_id <> ALL ($3::uuid[]);

-- name: list_suggestions
-- Suggestions by likelihood; open ones only while their contacts are two persons.
SELECT
    s.suggestion_id::text AS suggestion_id,
    a.root_id::text AS contact_id,
    b.root_id::text AS other_contact_id,
    s.evidence, s.probability, s.reasons, s.state, s.merge_id::text AS merge_id, s.actor, s.create_time, s.decide_time
FROM suggestion AS s
JOIN channel_user AS a ON a.contact_id = s.contact_id
JOIN channel_user AS b ON b.contact_id = s.other_contact_id
WHERE s.workspace_id = $1 AND s.state = $2
    AND s.probability >= $3
    AND ($4::uuid IS NULL OR (s.probability, s.suggestion_id) < ($5::float8, $4::uuid))
    AND (s.state <> 'open' OR a.root_id <> b.root_id)
    AND ($6::uuid IS NULL OR $6::uuid IN (a.root_id, b.root_id))
    AND ($8::text IS NULL OR s.evidence = $8)
ORDER BY s.probability DESC, s.suggestion_id DESC
LIMIT $7;

-- name: lock_suggestion
-- A suggestion, ours to decide.
SELECT
    s.suggestion_id::text AS suggestion_id,
    s.contact_id::text AS contact_id,
    s.other_contact_id::text AS other_contact_id,
    s.evidence, s.probability, s.reasons, s.state, s.merge_id::text AS merge_id, s.actor, s.create_time, s.decide_time
FROM suggestion AS s
WHERE s.workspace_id = $1 AND s.suggestion_id = $2
FOR UPDATE;

-- name: decide_suggestion
-- The suggestion is decided, or open again.
UPDATE suggestion
SET state = $2, merge_id = $3, actor = $4, decide_time = $5
WHERE suggestion_id = $1;

-- name: find_suggestion_policy
-- What the workspace chose.
SELECT least_probability, least_bulk_probability FROM suggestion_policy WHERE workspace_id = $1;

-- name: write_suggestion_policy
-- The workspace chooses this.
INSERT INTO suggestion_policy (workspace_id, least_probability, least_bulk_probability)
VALUES ($1, $2, $3)
ON CONFLICT (workspace_id) DO UPDATE
SET least_probability = excluded.least_probability, least_bulk_probability = excluded.least_bulk_probability;

-- name: lock_people
-- Nobody else writes anything of these records before the transaction ends.
SELECT FROM contact WHERE workspace_id = $1 AND contact_id = ANY ($2::uuid[]) ORDER BY contact_id FOR NO KEY UPDATE;

-- name: erase_people
-- Nothing personal is left of these records: ids, times and links stay. Theirs are the roots that are locked.
WITH people AS (
    SELECT contact_id, channel_user_id, first_seen_time
    FROM channel_user
    WHERE workspace_id = $1 AND contact_id = ANY ($2::uuid[])
), identifiers AS (
    DELETE FROM identifier AS i USING people AS p WHERE i.channel_user_id = p.channel_user_id
), claims AS (
    DELETE FROM phone_claim AS c USING people AS p WHERE c.channel_user_id = p.channel_user_id
), touches AS (
    UPDATE first_touch AS f
    SET click_id = '', source_url = '', headline = '', source_id = CASE f.source_type WHEN 'link' THEN '' ELSE f.source_id END
    FROM people AS p
    WHERE f.channel_user_id = p.channel_user_id
), tags AS (
    DELETE FROM contact_tag AS t USING people AS p WHERE t.workspace_id = $1 AND t.contact_id = p.contact_id
), hidden AS (
    DELETE FROM hidden_tag AS h USING people AS p WHERE h.contact_id = p.contact_id
), activity AS (
    DELETE FROM contact_activity AS a USING people AS p WHERE a.contact_id = p.contact_id
), attributes AS (
    DELETE FROM contact_attribute AS a USING people AS p WHERE a.workspace_id = $1 AND a.contact_id = p.contact_id
), imported AS (
    DELETE FROM imported_attribute AS a USING people AS p WHERE a.workspace_id = $1 AND a.contact_id = p.contact_id
), bought AS (
    UPDATE purchase AS b SET external_id = NULL, items = '[]'
    FROM people AS p
    WHERE b.contact_id = p.contact_id
    RETURNING b.purchase_id
), refunds AS (
    UPDATE refund AS r SET external_id = NULL FROM bought AS b WHERE r.purchase_id = b.purchase_id
), mentions AS (
    DELETE FROM mention AS m USING people AS p WHERE m.contact_id = p.contact_id
), keys AS (
    DELETE FROM likeness_key AS k USING people AS p WHERE k.contact_id = p.contact_id
), waiting AS (
    DELETE FROM unweighed AS w USING people AS p WHERE w.workspace_id = $1 AND w.contact_id = p.contact_id
), suggestions AS (
    DELETE FROM suggestion AS s USING people AS p
    WHERE s.workspace_id = $1 AND s.state = 'open' AND p.contact_id IN (s.contact_id, s.other_contact_id)
), said AS (
    UPDATE not_same AS n SET note = ''
    FROM people AS p
    WHERE n.workspace_id = $1 AND n.note <> '' AND p.contact_id IN (n.contact_id, n.other_contact_id)
), notes AS (
    UPDATE link AS l SET note = ''
    FROM people AS p
    WHERE l.note <> '' AND p.contact_id IN (l.contact_id, l.other_contact_id)
)
UPDATE contact AS c
SET display_name = '', name_key = '', language = '', country = '', tags = '{}',
    erase_time = coalesce(c.erase_time, $3)
FROM people AS p
WHERE c.workspace_id = $1 AND c.contact_id = p.contact_id
RETURNING p.contact_id::text AS contact_id, p.channel_user_id::text AS channel_user_id, p.first_seen_time,
    c.erase_time = $3 AS erased;

-- name: find_erased
-- Which of these channel users are people who were forgotten.
SELECT u.channel_user_id::text AS channel_user_id
FROM channel_user AS u
JOIN contact AS c ON c.workspace_id = u.workspace_id AND c.contact_id = u.contact_id
WHERE u.channel_user_id = ANY ($1::uuid[]) AND c.erase_time IS NOT NULL;
