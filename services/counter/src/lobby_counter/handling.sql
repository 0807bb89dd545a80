-- name: write_handled
-- What agents handled is on record, once.
INSERT INTO handled (
    event_id, workspace_id, agent_id, conversation_id, account_id, platform, start_time, end_time, wrap_up
)
SELECT event_id, workspace_id, agent_id, conversation_id, account_id, platform, start_time, end_time, wrap_up
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::smallint[], $7::timestamptz[], $8::timestamptz[],
    $9::boolean[]
) AS h (event_id, workspace_id, agent_id, conversation_id, account_id, platform, start_time, end_time, wrap_up)
ON CONFLICT DO NOTHING

-- name: write_presences
-- What the presence of agents changed to is on record, once.
INSERT INTO presence (event_id, workspace_id, agent_id, presence_time, presence)
SELECT event_id, workspace_id, agent_id, presence_time, presence
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[])
    AS p (event_id, workspace_id, agent_id, presence_time, presence)
ON CONFLICT DO NOTHING

-- name: find_handling_beginning
-- When anybody of a workspace was online first, or handled something; NULL where nobody was or did.
SELECT least(
    (SELECT min(start_time) FROM handled WHERE workspace_id = $1),
    (SELECT min(presence_time) FROM presence WHERE workspace_id = $1)
)

-- name: count_handled
-- Seconds handled in [$7, $8), each in the bucket in which it passed, and conversations.
WITH piece AS (
    SELECT
        agent_id, conversation_id, account_id, platform, greatest(start_time, $7::timestamptz) AS start,
        least(end_time, $8::timestamptz) AS until, wrap_up
    FROM handled
    WHERE workspace_id = $1
        AND end_time > $7
        AND start_time < $8
        AND ($4::uuid IS NULL OR account_id = $4)
        AND ($5::smallint IS NULL OR platform = $5)
        AND ($6::uuid IS NULL OR agent_id = $6)
), figure AS (
    SELECT
        b.bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN p.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN p.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN p.agent_id::text END AS agent_id,
        p.conversation_id,
        p.wrap_up,
        extract(
            epoch FROM least(p.until, coalesce(($2::timestamptz[])[b.bucket + 1], p.until))
                - greatest(p.start, ($2::timestamptz[])[b.bucket])
        ) AS seconds
    FROM piece AS p
    CROSS JOIN LATERAL generate_series(width_bucket(p.start, $2::timestamptz[]), width_bucket(p.until, $2::timestamptz[]))
        AS b (bucket)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id,
    sum(seconds)::double precision AS seconds,
    (sum(seconds) FILTER (WHERE wrap_up))::double precision AS wrap_up_seconds,
    count(DISTINCT conversation_id) AS conversations
FROM figure
WHERE seconds > 0
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id), ())

-- name: count_online
-- Seconds online in [$4, $5), each in the bucket in which it passed; who is online now is until $7.
WITH online AS (
    SELECT agent_id, greatest(start_time, $4::timestamptz) AS start, least(end_time, $5::timestamptz) AS until
    FROM (
        SELECT
            agent_id, presence, presence_time AS start_time,
            coalesce(
                lead(presence_time) OVER (PARTITION BY agent_id ORDER BY presence_time, event_id), $7::timestamptz
            ) AS end_time
        FROM presence
        WHERE workspace_id = $1 AND ($6::uuid IS NULL OR agent_id = $6)
    ) AS p
    WHERE presence = 'online' AND end_time > $4 AND start_time < $5
), figure AS (
    SELECT
        b.bucket,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN o.agent_id::text END AS agent_id,
        extract(
            epoch FROM least(o.until, coalesce(($2::timestamptz[])[b.bucket + 1], o.until))
                - greatest(o.start, ($2::timestamptz[])[b.bucket])
        ) AS seconds
    FROM online AS o
    CROSS JOIN LATERAL generate_series(width_bucket(o.start, $2::timestamptz[]), width_bucket(o.until, $2::timestamptz[]))
        AS b (bucket)
)
SELECT grouping(bucket) = 1 AS total, bucket, agent_id, sum(seconds)::double precision AS seconds
FROM figure
WHERE seconds > 0
GROUP BY GROUPING SETS ((bucket, agent_id), ())
