-- name: measure_ended
-- Waits that are over by how long they took, in whole seconds, and how they ended.
-- Parameters of figures of waits: workspace, cuts, grouped by, account, platform, agent, from, to, whether by their end,
-- whether only first ones (NULL: all), whether grouped by what only the entry of their chat knows.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        CASE
            WHEN w.ending = 'answered' THEN 'answered'
            WHEN w.close_reason IN ('no_answer_needed', 'spam') THEN 'cancelled'
            ELSE 'closed'
        END AS outcome,
        CASE
            WHEN $12::boolean THEN coalesce(w.business_time, w.end_time - w.owed_since)
            ELSE w.end_time - w.owed_since
        END AS duration,
        w.end_time - w.owed_since AS calendar_time,
        least(greatest(w.received_time, w.owed_since), w.end_time) - w.owed_since AS platform_time,
        w.queue_time,
        w.late_time < w.end_time AS late,
        w.window_lost_time <= w.end_time AS lost_window,
        w.unanswered_time < w.end_time AS unanswered
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = c.channel_user_id
            AND e.account_id = c.account_id
            AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.end_time IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT
    bucket, account_id, platform, agent_id, campaign_id, language, country, outcome,
    greatest(ceil(extract(epoch FROM duration)), 0)::bigint AS seconds,
    count(*) AS waits,
    count(*) FILTER (WHERE late) AS late,
    count(*) FILTER (WHERE lost_window) AS lost_window,
    count(*) FILTER (WHERE unanswered) AS unanswered,
    coalesce(sum(extract(epoch FROM platform_time)), 0)::double precision AS platform_seconds,
    coalesce(sum(extract(epoch FROM queue_time)), 0)::double precision AS queue_seconds,
    coalesce(sum(extract(epoch FROM calendar_time - coalesce(platform_time, '0') - queue_time)), 0)::double precision
        AS agent_seconds
FROM figure
GROUP BY bucket, account_id, platform, agent_id, campaign_id, language, country, outcome, seconds

-- name: read_unexplained
-- Waits whose figures need more than counting: if $13 those that are open, as of $12, whoever has them; else those that are
-- over and missed whose causes are not found yet.
SELECT
    width_bucket(
        CASE WHEN $9::boolean THEN coalesce(w.end_time, $12::timestamptz) ELSE w.owed_since END, $2::timestamptz[]
    ) AS bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
    c.account_id::text AS at_account_id, w.wait_id::text, w.conversation_id::text, w.agent_id::text AS wait_agent_id,
    w.first_position, w.owed_since, w.received_time, w.end_time, w.ending, w.end_agent_id::text, w.close_reason, w.first,
    w.holds, w.opened, w.bot_time, w.window_lost_time, nullif(w.late_time, 'infinity') AS late_time,
    nullif(w.unanswered_time, 'infinity') AS unanswered_time
FROM wait AS w
JOIN conversation AS c ON c.conversation_id = w.conversation_id
LEFT JOIN entry AS e
    ON $11::boolean
        AND e.channel_user_id = c.channel_user_id
        AND e.account_id = c.account_id
        AND e.again_event_id IS NULL
WHERE w.workspace_id = $1
    AND CASE
        WHEN $13::boolean THEN w.end_time IS NULL
        ELSE NOT w.explained
            AND w.end_time IS NOT NULL
            AND (w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time)
    END
    AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
    AND (NOT $9 OR coalesce(w.end_time, $12) >= $7 AND coalesce(w.end_time, $12) < $8)
    AND ($4::uuid IS NULL OR c.account_id = $4)
    AND ($5::smallint IS NULL OR c.platform = $5)
    AND ($6::uuid IS NULL OR $13 OR w.agent_id = $6)
    AND ($10::boolean IS NULL OR w.first = $10)

-- name: count_causes
-- What misses of waits that are over came from.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        m.miss,
        m.cause
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = c.channel_user_id
            AND e.account_id = c.account_id
            AND e.again_event_id IS NULL
    CROSS JOIN LATERAL (
        VALUES ('late', w.late_cause), ('lost_window', w.lost_window_cause), ('unanswered', w.unanswered_cause)
    ) AS m (miss, cause)
    WHERE w.workspace_id = $1
        AND w.explained
        AND m.cause IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT bucket, account_id, platform, agent_id, campaign_id, language, country, miss, cause, count(*) AS waits
FROM figure
GROUP BY bucket, account_id, platform, agent_id, campaign_id, language, country, miss, cause

-- name: count_missed_people
-- People missed in any way as of $11, each once per row: how many were new, and how many no person ever answered.
WITH figure AS (
    SELECT
        width_bucket(
            CASE WHEN $9::boolean THEN coalesce(w.end_time, $11::timestamptz) ELSE w.owed_since END, $2::timestamptz[]
        ) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        coalesce(u.contact_id, c.channel_user_id) AS person,
        w.first AND v.verdict IS NOT NULL AS new,
        NOT EXISTS (
            SELECT
            FROM channel_user AS other
            JOIN message AS m ON m.channel_user_id = other.channel_user_id AND m.direction = 2 AND m.human
            WHERE other.contact_id = u.contact_id
        ) AS lost
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN channel_user AS u ON u.channel_user_id = c.channel_user_id
    LEFT JOIN entry AS e
        ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
    LEFT JOIN verdict AS v ON v.counter_id = $1 AND v.entry_id = e.entry_id AND v.verdict = 'new'
    WHERE w.workspace_id = $1
        AND (
            w.late_time < coalesce(w.end_time, $11)
            OR w.window_lost_time <= coalesce(w.end_time, $11)
            OR w.unanswered_time < coalesce(w.end_time, $11)
        )
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR coalesce(w.end_time, $11) >= $7 AND coalesce(w.end_time, $11) < $8)
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(DISTINCT person) AS missed_people,
    count(DISTINCT person) FILTER (WHERE new) AS missed_new_people,
    count(DISTINCT person) FILTER (WHERE lost) AS lost_people,
    count(DISTINCT person) FILTER (WHERE lost AND new) AS lost_new_people
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_agent_misses
-- Assignments that came to nothing, of waits that are over, by the agents who missed them.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN a.agent_id::text END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country
    FROM wait AS w
    JOIN agent_miss AS a ON a.wait_id = w.wait_id
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = c.channel_user_id
            AND e.account_id = c.account_id
            AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.end_time IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR a.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT bucket, account_id, platform, agent_id, campaign_id, language, country, count(*) AS agent_misses
FROM figure
GROUP BY bucket, account_id, platform, agent_id, campaign_id, language, country

-- name: list_waits
-- A page of waits, by when they began or ended.
SELECT
    w.wait_id::text, w.conversation_id::text, u.contact_id::text, c.account_id::text AS at_account_id,
    c.platform AS at_platform, w.agent_id::text AS wait_agent_id, w.first_position, w.owed_since, w.received_time,
    w.end_time, w.ending, w.end_agent_id::text, w.close_reason, w.first, w.holds, w.opened, w.bot_time, w.window_lost_time,
    nullif(w.late_time, 'infinity') AS late_time, nullif(w.unanswered_time, 'infinity') AS unanswered_time
FROM wait AS w
JOIN conversation AS c ON c.conversation_id = w.conversation_id
LEFT JOIN channel_user AS u ON u.channel_user_id = c.channel_user_id
LEFT JOIN entry AS e
    ON ($10::text IS NOT NULL OR $11::text IS NOT NULL OR $12::text IS NOT NULL)
        AND e.channel_user_id = c.channel_user_id
        AND e.account_id = c.account_id
        AND e.again_event_id IS NULL
WHERE w.workspace_id = $1
    AND ($5::boolean OR w.owed_since >= $2 AND w.owed_since < $3)
    AND (NOT $5 OR coalesce(w.end_time, $4::timestamptz) >= $2 AND coalesce(w.end_time, $4) < $3)
    AND ($6::uuid IS NULL OR c.account_id = $6)
    AND ($7::smallint IS NULL OR c.platform = $7)
    AND ($8::uuid IS NULL OR w.agent_id = $8)
    AND ($9::boolean IS NULL OR w.first = $9)
    AND ($10 IS NULL OR coalesce(e.campaign_id, '') = $10)
    AND ($11 IS NULL OR coalesce(e.language, '') = $11)
    AND ($12 IS NULL OR coalesce(e.country, '') = $12)
    AND CASE $13::text
        WHEN 'open' THEN w.end_time IS NULL
        WHEN 'answered' THEN w.ending = 'answered'
        WHEN 'closed' THEN w.ending = 'closed' AND w.close_reason NOT IN ('no_answer_needed', 'spam')
        WHEN 'cancelled' THEN w.ending = 'closed' AND w.close_reason IN ('no_answer_needed', 'spam')
        ELSE true
    END
    AND CASE $14::text
        WHEN 'late' THEN w.late_time < coalesce(w.end_time, $4)
        WHEN 'lost_window' THEN w.window_lost_time <= coalesce(w.end_time, $4)
        WHEN 'unanswered' THEN w.unanswered_time < coalesce(w.end_time, $4)
        ELSE true
    END
    AND (
        $15::timestamptz IS NULL
        OR (CASE WHEN $5 THEN coalesce(w.end_time, 'infinity') ELSE w.owed_since END, w.wait_id) > ($15, $16::uuid)
    )
ORDER BY CASE WHEN $5 THEN coalesce(w.end_time, 'infinity') ELSE w.owed_since END, w.wait_id
LIMIT $17

-- name: read_failures
-- When answers in conversations were not accepted.
SELECT conversation_id::text, fail_time
FROM send_failure
WHERE conversation_id = ANY ($1::uuid[])
ORDER BY fail_time

-- name: read_states
-- What states of accounts changed to.
SELECT account_id::text, state_time, state
FROM account_state
WHERE account_id = ANY ($1::uuid[])
ORDER BY state_time, event_id

-- name: find_unexplained_workspaces
-- Workspaces that have misses whose causes are to be found.
SELECT DISTINCT workspace_id::text
FROM wait
WHERE NOT explained
    AND end_time IS NOT NULL
    AND (late_time < end_time OR window_lost_time <= end_time OR unanswered_time < end_time)

-- name: find_unexplained
-- Some waits of a workspace that are over and missed whose causes are to be found.
SELECT
    c.account_id::text AS at_account_id, w.wait_id::text, w.conversation_id::text, w.agent_id::text AS wait_agent_id,
    w.first_position, w.owed_since, w.received_time, w.end_time, w.ending, w.end_agent_id::text, w.close_reason, w.first,
    w.holds, w.opened, w.bot_time, w.window_lost_time, nullif(w.late_time, 'infinity') AS late_time,
    nullif(w.unanswered_time, 'infinity') AS unanswered_time
FROM wait AS w
JOIN conversation AS c ON c.conversation_id = w.conversation_id
WHERE w.workspace_id = $1
    AND NOT w.explained
    AND w.end_time IS NOT NULL
    AND (w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time)
LIMIT $2

-- name: explain_waits
-- Misses of waits have their causes.
UPDATE wait AS w
SET
    late_cause = e.late_cause,
    lost_window_cause = e.lost_window_cause,
    unanswered_cause = e.unanswered_cause,
    explained = true
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
    AS e (wait_id, late_cause, lost_window_cause, unanswered_cause)
WHERE w.wait_id = e.wait_id
