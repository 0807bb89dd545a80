-- name: measure_ended
-- Waits that are over, by how they ended: how many whole seconds each took.
-- Parameters of figures of waits: workspace, cuts, grouped by, account, platform, agent, from, to, whether by their end,
-- whether only first ones (NULL: all), whether grouped by what only the entry of their chat knows.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN w.agent_id END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        CASE
            WHEN w.ending = 'answered' THEN 'answered'
            WHEN w.close_reason IN ('no_answer_needed', 'spam') THEN 'cancelled'
            ELSE 'closed'
        END AS outcome,
        greatest(
            ceil(
                date_part(
                    'epoch',
                    CASE
                        WHEN $12::boolean THEN coalesce(w.business_time, w.end_time - w.owed_since)
                        ELSE w.end_time - w.owed_since
                    END
                )
            ),
            0
        )::integer AS seconds,
        date_part('epoch', w.end_time - w.owed_since) AS whole,
        date_part('epoch', least(greatest(w.received_time, w.owed_since), w.end_time) - w.owed_since) AS platform_part,
        date_part('epoch', w.queue_time) AS queue_part,
        w.late_time < w.end_time AS late,
        w.window_lost_time <= w.end_time AS lost_window,
        w.unanswered_time < w.end_time AS unanswered
    FROM wait AS w
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = w.channel_user_id
            AND e.account_id = w.account_id
            AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.end_time IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR w.account_id = $4)
        AND ($5::smallint IS NULL OR w.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT
    bucket, account_id::text, platform,
    CASE WHEN 'agent' = ANY ($3) THEN coalesce(agent_id::text, '') END AS agent_id,
    campaign_id, language, country, outcome,
    array_agg(seconds) AS seconds,
    count(*) FILTER (WHERE late) AS late,
    count(*) FILTER (WHERE lost_window) AS lost_window,
    count(*) FILTER (WHERE unanswered) AS unanswered,
    coalesce(sum(platform_part), 0) AS platform_seconds,
    coalesce(sum(queue_part), 0) AS queue_seconds,
    coalesce(sum(whole - coalesce(platform_part, 0) - queue_part), 0) AS agent_seconds
FROM figure
GROUP BY bucket, account_id, platform, figure.agent_id, campaign_id, language, country, outcome

-- name: read_open
-- Open waits as of $12, whoever has them; $6 is not looked at.
SELECT
    width_bucket(
        CASE WHEN $9::boolean THEN coalesce(w.end_time, $12::timestamptz) ELSE w.owed_since END, $2::timestamptz[]
    ) AS bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id::text END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
    w.account_id::text AS at_account_id, w.wait_id::text, w.conversation_id::text, w.agent_id::text AS wait_agent_id,
    w.first_position, w.owed_since, w.received_time, w.end_time, w.ending, w.end_agent_id::text, w.close_reason, w.first,
    w.holds, w.opened, w.bot_time, w.window_lost_time, nullif(w.late_time, 'infinity') AS late_time,
    nullif(w.unanswered_time, 'infinity') AS unanswered_time
FROM wait AS w
LEFT JOIN entry AS e
    ON $11::boolean
        AND e.channel_user_id = w.channel_user_id
        AND e.account_id = w.account_id
        AND e.again_event_id IS NULL
WHERE w.workspace_id = $1
    AND w.end_time IS NULL
    AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
    AND (NOT $9 OR coalesce(w.end_time, $12) >= $7 AND coalesce(w.end_time, $12) < $8)
    AND ($4::uuid IS NULL OR w.account_id = $4)
    AND ($5::smallint IS NULL OR w.platform = $5)
    AND ($6::uuid IS NULL OR true)
    AND ($10::boolean IS NULL OR w.first = $10)

-- name: read_unexplained
-- Waits that are over and may have misses whose causes are not found yet; where there are very many, some.
SELECT
    width_bucket(
        CASE WHEN $9::boolean THEN coalesce(w.end_time, $12::timestamptz) ELSE w.owed_since END, $2::timestamptz[]
    ) AS bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id::text END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
    w.account_id::text AS at_account_id, w.wait_id::text, w.conversation_id::text, w.agent_id::text AS wait_agent_id,
    w.first_position, w.owed_since, w.received_time, w.end_time, w.ending, w.end_agent_id::text, w.close_reason, w.first,
    w.holds, w.opened, w.bot_time, w.window_lost_time, nullif(w.late_time, 'infinity') AS late_time,
    nullif(w.unanswered_time, 'infinity') AS unanswered_time
FROM wait AS w
LEFT JOIN entry AS e
    ON $11::boolean
        AND e.channel_user_id = w.channel_user_id
        AND e.account_id = w.account_id
        AND e.again_event_id IS NULL
WHERE w.workspace_id = $1
    AND NOT w.explained
    AND w.end_time IS NOT NULL
    AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
    AND (NOT $9 OR coalesce(w.end_time, $12) >= $7 AND coalesce(w.end_time, $12) < $8)
    AND ($4::uuid IS NULL OR w.account_id = $4)
    AND ($5::smallint IS NULL OR w.platform = $5)
    AND ($6::uuid IS NULL OR w.agent_id = $6)
    AND ($10::boolean IS NULL OR w.first = $10)
LIMIT 5000

-- name: count_causes
-- What misses of waits that are over came from.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        m.miss,
        m.cause
    FROM wait AS w
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = w.channel_user_id
            AND e.account_id = w.account_id
            AND e.again_event_id IS NULL
    CROSS JOIN LATERAL (
        VALUES ('late', w.late_cause), ('lost_window', w.lost_window_cause), ('unanswered', w.unanswered_cause)
    ) AS m (miss, cause)
    WHERE w.workspace_id = $1
        AND w.explained
        AND (w.late_cause IS NOT NULL OR w.lost_window_cause IS NOT NULL OR w.unanswered_cause IS NOT NULL)
        AND m.cause IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR w.account_id = $4)
        AND ($5::smallint IS NULL OR w.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
)
SELECT bucket, account_id, platform, agent_id, campaign_id, language, country, miss, cause, count(*) AS waits
FROM figure
GROUP BY bucket, account_id, platform, agent_id, campaign_id, language, country, miss, cause

-- name: count_missed_people
-- People missed in any way as of $11, each once per row: how many were new, and how many no person ever answered.
WITH missed AS (
    SELECT owed_since, end_time, ending, account_id, platform, agent_id, channel_user_id, first
    FROM wait
    WHERE workspace_id = $1
        AND end_time IS NOT NULL
        AND (late_time < end_time OR window_lost_time <= end_time OR unanswered_time < end_time)
        AND ($9::boolean OR owed_since >= $7 AND owed_since < $8)
        AND (NOT $9 OR end_time >= $7 AND end_time < $8)
    UNION ALL
    SELECT owed_since, $11::timestamptz, NULL, account_id, platform, agent_id, channel_user_id, first
    FROM wait
    WHERE workspace_id = $1
        AND end_time IS NULL
        AND (late_time < $11 OR window_lost_time <= $11 OR unanswered_time < $11)
        AND ($9 OR owed_since >= $7 AND owed_since < $8)
        AND (NOT $9 OR $11 >= $7 AND $11 < $8)
), figure AS MATERIALIZED (
    SELECT
        width_bucket(CASE WHEN $9 THEN end_time ELSE owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN account_id END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN agent_id END AS agent_id,
        channel_user_id,
        missed.account_id AS at_account_id,
        bool_or(first) AS first,
        coalesce(bool_or(ending = 'answered'), false) AS answered
    FROM missed
    WHERE ($4::uuid IS NULL OR account_id = $4)
        AND ($5::smallint IS NULL OR platform = $5)
        AND ($6::uuid IS NULL OR agent_id = $6)
        AND ($10::boolean IS NULL OR first = $10)
    GROUP BY 1, 2, 3, 4, 5, 6
), known AS MATERIALIZED (
    -- Each customer is looked up once, and of nobody who was answered is it asked whether he ever was. OFFSET keeps these
    -- searches of their own: they look like so many that all there is would be read.
    SELECT
        f.channel_user_id, f.account_id AS at_account_id, coalesce(u.contact_id, f.channel_user_id) AS person,
        e.campaign_id, e.language, e.country, coalesce(e.new, false) AS new,
        NOT f.answered AND NOT coalesce(h.answered, false) AS lost
    FROM (
        SELECT channel_user_id, at_account_id, bool_or(first), bool_or(answered)
        FROM figure
        GROUP BY channel_user_id, at_account_id
    ) AS f (channel_user_id, account_id, first, answered)
    LEFT JOIN LATERAL (
        SELECT contact_id FROM channel_user WHERE channel_user_id = f.channel_user_id OFFSET 0
    ) AS u ON true
    LEFT JOIN LATERAL (
        SELECT
            campaign_id, language, country,
            EXISTS (
                SELECT FROM verdict AS v WHERE v.counter_id = $1 AND v.entry_id = entry.entry_id AND v.verdict = 'new'
            ) AS new
        FROM entry
        WHERE channel_user_id = f.channel_user_id
            AND account_id = f.account_id
            AND again_event_id IS NULL
            AND (f.first OR $3 && ARRAY['campaign', 'language', 'country'])
        OFFSET 0
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT true AS answered
        FROM channel_user AS other
        JOIN message AS m ON m.channel_user_id = other.channel_user_id AND m.direction = 2 AND m.human
        WHERE other.contact_id = u.contact_id AND NOT f.answered
        LIMIT 1
    ) AS h ON true
), split AS (
    SELECT
        f.bucket, f.account_id::text, f.platform,
        CASE WHEN 'agent' = ANY ($3) THEN coalesce(f.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3) THEN coalesce(k.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3) THEN coalesce(k.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3) THEN coalesce(k.country, '') END AS country,
        k.person, f.first AND k.new AS new, k.lost
    FROM figure AS f
    JOIN known AS k ON k.channel_user_id = f.channel_user_id AND k.at_account_id = f.at_account_id
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(DISTINCT person) AS missed_people,
    count(DISTINCT person) FILTER (WHERE new) AS missed_new_people,
    count(DISTINCT person) FILTER (WHERE lost) AS lost_people,
    count(DISTINCT person) FILTER (WHERE lost AND new) AS lost_new_people
FROM split
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_answered
-- Conversations and people that a person answered, each once per row, and collisions: waits of people whom somebody else
-- answered in another conversation that was open when these began, or had begun less than a minute before.
WITH answered AS MATERIALIZED (
    SELECT
        w.wait_id, w.conversation_id, w.agent_id, w.end_agent_id, w.owed_since, w.end_time, w.first, w.account_id,
        w.platform, w.channel_user_id, coalesce(u.contact_id, w.channel_user_id) AS person
    FROM wait AS w
    LEFT JOIN channel_user AS u ON u.channel_user_id = w.channel_user_id
    WHERE w.workspace_id = $1
        AND w.ending = 'answered'
        AND ($9::boolean OR w.owed_since < $8::timestamptz)
        AND (NOT $9 OR w.end_time < $8)
        -- Whatever may collide with a wait of the period was open less than a minute before it.
        AND w.end_time >= $7::timestamptz - interval '1 minute'
), several AS MATERIALIZED (
    SELECT person
    FROM answered
    WHERE end_agent_id IS NOT NULL
    GROUP BY person
    HAVING count(*) > 1
), theirs AS MATERIALIZED (
    -- Few people have several conversations with several agents; each is looked at alone, whatever the planner thinks of all.
    SELECT
        array_agg(wait_id) AS wait_ids, array_agg(conversation_id) AS conversation_ids, array_agg(end_agent_id) AS agents,
        array_agg(owed_since) AS starts, array_agg(end_time) AS ends
    FROM answered
    JOIN several USING (person)
    WHERE end_agent_id IS NOT NULL
    GROUP BY person
    HAVING count(DISTINCT conversation_id) > 1 AND count(DISTINCT end_agent_id) > 1
), met AS MATERIALIZED (
    SELECT later.wait_id
    FROM theirs AS s
    CROSS JOIN LATERAL unnest(s.wait_ids, s.conversation_ids, s.agents, s.starts)
        AS later (wait_id, conversation_id, agent_id, owed_since)
    WHERE EXISTS (
        SELECT
        FROM unnest(s.wait_ids, s.conversation_ids, s.agents, s.starts, s.ends)
            AS other (wait_id, conversation_id, agent_id, owed_since, end_time)
        WHERE other.conversation_id <> later.conversation_id
            AND other.agent_id <> later.agent_id
            AND (other.owed_since, other.wait_id) < (later.owed_since, later.wait_id)
            AND later.owed_since < greatest(other.end_time, other.owed_since + interval '1 minute')
    )
), figure AS MATERIALIZED (
    -- A conversation is one person's.
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN w.agent_id END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        w.conversation_id, w.person,
        count(*) FILTER (WHERE w.wait_id IN (SELECT wait_id FROM met)) AS collisions
    FROM answered AS w
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = w.channel_user_id
            AND e.account_id = w.account_id
            AND e.again_event_id IS NULL
    WHERE ($9 OR w.owed_since >= $7)
        AND (NOT $9 OR w.end_time >= $7)
        AND ($4::uuid IS NULL OR w.account_id = $4)
        AND ($5::smallint IS NULL OR w.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)
SELECT
    false AS total, bucket, account_id::text, platform,
    CASE WHEN 'agent' = ANY ($3) THEN coalesce(agent_id::text, '') END AS agent_id, campaign_id, language, country,
    sum(conversations)::bigint AS answered_conversations, count(*) AS answered_people, sum(collisions)::bigint AS collisions
FROM (
    SELECT
        bucket, account_id, platform, figure.agent_id, campaign_id, language, country, count(*) AS conversations,
        sum(collisions) AS collisions
    FROM figure
    GROUP BY bucket, account_id, platform, figure.agent_id, campaign_id, language, country, person
) AS person
GROUP BY bucket, account_id, platform, person.agent_id, campaign_id, language, country
UNION ALL
SELECT
    true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(sum(conversations), 0)::bigint, count(*),
    coalesce(sum(collisions), 0)::bigint
FROM (
    SELECT count(DISTINCT conversation_id) AS conversations, sum(collisions) AS collisions
    FROM figure
    GROUP BY person
) AS person

-- name: count_agent_misses
-- Assignments that came to nothing, of waits that are over, by the agents who missed them.
WITH figure AS (
    SELECT
        width_bucket(CASE WHEN $9::boolean THEN w.end_time ELSE w.owed_since END, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN a.agent_id::text END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country
    FROM wait AS w
    JOIN agent_miss AS a ON a.wait_id = w.wait_id
    LEFT JOIN entry AS e
        ON $11::boolean
            AND e.channel_user_id = w.channel_user_id
            AND e.account_id = w.account_id
            AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.end_time IS NOT NULL
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR w.end_time >= $7 AND w.end_time < $8)
        AND ($4::uuid IS NULL OR w.account_id = $4)
        AND ($5::smallint IS NULL OR w.platform = $5)
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

-- name: read_untranslated
-- When texts of conversations could not be read; an end of NULL: they cannot.
SELECT c.conversation_id::text, u.start_time, u.end_time
FROM conversation AS c
JOIN chat AS k ON k.channel_user_id = c.channel_user_id
JOIN untranslated AS u ON u.chat_id = k.chat_id AND u.account_id = c.account_id
WHERE c.conversation_id = ANY ($1::uuid[])
ORDER BY u.start_time

-- name: read_states
-- What states of accounts changed to.
SELECT account_id::text, state_time, state
FROM account_state
WHERE account_id = ANY ($1::uuid[])
ORDER BY state_time, event_id

-- name: find_unexplained_workspaces
-- Workspaces that have waits that are over and may have misses whose causes are to be found.
SELECT DISTINCT workspace_id::text
FROM wait
WHERE NOT explained AND end_time IS NOT NULL

-- name: find_unexplained
-- Some waits of a workspace that are over and may have misses whose causes are to be found.
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
