-- name: read_calendar
-- When the days of a workspace begin, as its gateway said last.
SELECT time_zone, day_start_hour
FROM calendar
WHERE workspace_id = $1

-- name: read_day_mark
-- What is made of a workspace, and by which calendar.
SELECT time_zone, day_start_hour, since, until
FROM day_mark
WHERE workspace_id = $1

-- name: forget_day_mark
-- Nothing is made of the workspace: figures are read as if there were no days.
DELETE FROM day_mark
WHERE workspace_id = $1

-- name: forget_chat_days
-- Some days of chats, and some hours, of a workspace of which nothing is made are gone; returns them.
WITH hours AS (
    DELETE FROM hour_figure
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM hour_figure WHERE workspace_id = $1 LIMIT $2))
    RETURNING 1
), chats AS (
    DELETE FROM chat_day
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM chat_day WHERE workspace_id = $1 LIMIT $2))
    RETURNING 1
)
SELECT 1 FROM hours
UNION ALL
SELECT 1 FROM chats

-- name: begin_days
-- Days of a workspace are made from a start on, of which nothing is made yet.
WITH figures AS (
    DELETE FROM day_figure WHERE workspace_id = $1
), returns AS (
    DELETE FROM day_return WHERE workspace_id = $1
), starts AS (
    DELETE FROM day_start WHERE workspace_id = $1
)
INSERT INTO day_mark (workspace_id, time_zone, day_start_hour, since, until)
VALUES ($1, $2, $3, $4, $4)

-- name: find_next_message
-- When the message was written that is so many after an instant; NULL: there are fewer.
SELECT occurred_time
FROM message
WHERE workspace_id = $1 AND occurred_time >= $2
ORDER BY occurred_time
OFFSET $3
LIMIT 1

-- name: find_last_message
-- When the message was written that is so many before an instant; NULL: there are fewer.
SELECT occurred_time
FROM message
WHERE workspace_id = $1 AND occurred_time < $2
ORDER BY occurred_time DESC
OFFSET $3
LIMIT 1

-- name: move_day_mark
-- What is made reaches from here to there, with the days that begin in between.
WITH days AS (
    INSERT INTO day_start (workspace_id, day)
    SELECT $1, day
    FROM unnest($4::timestamptz[]) AS day
    ON CONFLICT DO NOTHING
)
UPDATE day_mark
SET since = $2, until = $3
WHERE workspace_id = $1

-- name: make_chat_days
-- Messages of a range of which nothing is made are in the days.
SELECT change_chats(ARRAY(
    SELECT as_change(m, 1)
    FROM message AS m
    WHERE workspace_id = $1 AND occurred_time >= $2 AND occurred_time < $3
))

-- name: make_day_figures
-- Entries, what was recorded of them, and waits that are over, of a range of which nothing is made, are in the days.
SELECT change_figures(ARRAY(
    SELECT ROW(
        e.workspace_id, b.at, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, b.figure,
        b.weight
    )::figure_change
    FROM (
        SELECT v.entry_id, e.occurred_time AS at, v.verdict AS figure, 1 AS weight
        FROM entry AS e
        JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
        WHERE e.workspace_id = $1 AND e.occurred_time >= $2 AND e.occurred_time < $3
        UNION ALL
        SELECT entry_id, first_time, 'recorded_' || first_verdict, 1
        FROM verdict
        WHERE counter_id = $1 AND first_time >= $2 AND first_time < $3
        UNION ALL
        SELECT entry_id, from_booked_time, 'recorded_' || from_verdict, -1
        FROM correction
        WHERE counter_id = $1 AND from_booked_time >= $2 AND from_booked_time < $3
        UNION ALL
        SELECT entry_id, to_booked_time, 'recorded_' || to_verdict, 1
        FROM correction
        WHERE counter_id = $1 AND to_booked_time >= $2 AND to_booked_time < $3
    ) AS b
    JOIN entry AS e ON e.entry_id = b.entry_id
    UNION ALL
    SELECT ROW(
        w.workspace_id, w.owed_since, c.account_id, c.platform, w.agent_id, coalesce(e.campaign_id, ''),
        coalesce(e.language, ''), coalesce(e.country, ''), m.figure, 1
    )::figure_change
    FROM wait AS w
    CROSS JOIN misses(w.late_time, w.window_lost_time, w.unanswered_time, w.end_time) AS m
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN entry AS e
        ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1 AND w.owed_since >= $2 AND w.owed_since < $3 AND w.end_time IS NOT NULL
))

-- name: count_days
-- Figures of days that add up, recorded ones if $8, by the values of one facet; of hours if $9, and people of each of them.
-- Parameters of what is read from days: workspace, cuts, grouped by, facet, value (NULL: all), from, to.
SELECT
    grouping(bucket) = 1 AS total, bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN value END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN value::smallint END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN value END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN value END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN value END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN value END AS country,
    coalesce(sum(messages_in), 0)::bigint AS messages_in,
    coalesce(sum(messages_out), 0)::bigint AS messages_out,
    coalesce(sum(CASE WHEN $8::boolean THEN recorded_new ELSE new END), 0)::bigint AS new,
    coalesce(sum(CASE WHEN $8 THEN recorded_repeat ELSE repeat END), 0)::bigint AS repeat,
    coalesce(sum(CASE WHEN $8 THEN recorded_excluded ELSE excluded END), 0)::bigint AS excluded,
    coalesce(sum(new), 0)::bigint AS present_new,
    coalesce(sum(late), 0)::bigint AS late,
    coalesce(sum(lost_window), 0)::bigint AS lost_window,
    coalesce(sum(unanswered), 0)::bigint AS unanswered,
    CASE WHEN grouping(bucket) = 1 THEN 0 ELSE sum(wrote) END AS active,
    CASE WHEN grouping(bucket) = 1 THEN 0 ELSE sum(served) END AS served
FROM (
    SELECT
        width_bucket(day, $2::timestamptz[]) AS bucket, value, messages_in, messages_out, new, repeat, excluded,
        recorded_new, recorded_repeat, recorded_excluded, late, lost_window, unanswered, 0 AS wrote, 0 AS served
    FROM day_figure
    WHERE NOT $9::boolean
        AND workspace_id = $1
        AND facet = $4
        AND day >= $6
        AND day < $7
        AND ($5::text IS NULL OR value = $5)
    UNION ALL
    SELECT
        width_bucket(hour, $2), value, messages_in, messages_out, new, repeat, excluded, recorded_new, recorded_repeat,
        recorded_excluded, late, lost_window, unanswered, wrote, served
    FROM hour_figure
    WHERE $9
        AND workspace_id = $1
        AND facet = $4
        AND hour >= $6
        AND hour < $7
        AND ($5 IS NULL OR value = $5)
) AS figure
GROUP BY GROUPING SETS ((bucket, value), ())

-- name: count_people_of_days
-- People who wrote and who were served, each once per row: those of each day, but for those whose last day before is in
-- the row too. $8: rows are a whole period, of a day, or of an hour and not read here. The totals are of facet $9.
WITH days AS (
    SELECT facet, value, day, wrote, served, 1 AS weight
    FROM day_figure
    WHERE workspace_id = $1
        AND facet IN ($4, $9::smallint)
        AND day >= $6
        AND day < $7
        AND ($5::text IS NULL OR value = $5)
    UNION ALL
    SELECT r.facet, r.value, s.day, r.wrote, r.served, -1
    FROM day_start AS s
    CROSS JOIN LATERAL (
        SELECT facet, value, wrote, served
        FROM day_return
        WHERE workspace_id = $1
            AND facet = $9
            AND day = s.day
            AND last_day >= $6
            AND last_day < s.day
            AND ($5 IS NULL OR value = $5)
        UNION ALL
        SELECT facet, value, wrote, served
        FROM day_return
        WHERE workspace_id = $1
            AND facet = $4
            AND facet <> $9
            AND $8::text = 'whole'
            AND day = s.day
            AND last_day >= $6
            AND last_day < s.day
            AND ($5 IS NULL OR value = $5)
    ) AS r
    WHERE s.workspace_id = $1 AND s.day >= $6 AND s.day < $7
)
SELECT
    false AS total, width_bucket(day, $2::timestamptz[]) AS bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN value END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN value::smallint END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN value END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN value END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN value END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN value END AS country,
    sum(weight * wrote)::bigint AS active,
    sum(weight * served)::bigint AS served
FROM days
WHERE facet = $4 AND ($8 = 'whole' OR $8 = 'day' AND weight > 0)
GROUP BY bucket, value
UNION ALL
SELECT
    true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(sum(weight * wrote), 0)::bigint,
    coalesce(sum(weight * served), 0)::bigint
FROM days
WHERE facet = $9

-- name: count_people_beside_days
-- People who wrote or were served from $8 on or before $9 but outside of the days, each once per row, and in none in which
-- they are in the days too; in the hours too if $10.
WITH spoken AS MATERIALIZED (
    SELECT
        width_bucket(m.occurred_time, $2::timestamptz[]) AS bucket,
        CASE $4::smallint
            WHEN 1 THEN m.account_id::text
            WHEN 2 THEN m.platform::text
            WHEN 3 THEN coalesce(m.agent_id::text, '')
            WHEN 4 THEN coalesce(e.campaign_id, '')
            WHEN 5 THEN coalesce(e.language, '')
            WHEN 6 THEN coalesce(e.country, '')
            ELSE ''
        END AS value,
        coalesce(u.contact_id, m.channel_user_id) AS person,
        bool_or(m.direction = 1) AS wrote,
        bool_or(m.direction = 2) AS served
    FROM (VALUES ($8::timestamptz, $6), ($7, $9::timestamptz)) AS beside (start, until)
    CROSS JOIN LATERAL (
        SELECT account_id, platform, agent_id, channel_user_id, occurred_time, direction
        FROM message
        WHERE workspace_id = $1
            AND occurred_time >= beside.start
            AND occurred_time < beside.until
            AND channel_user_id IS NOT NULL
            AND (direction = 1 AND greeting OR direction = 2 AND human)
        OFFSET 0
    ) AS m
    LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
    LEFT JOIN entry AS e
        ON $4 >= 4
            AND e.channel_user_id = m.channel_user_id
            AND e.account_id = m.account_id
            AND e.again_event_id IS NULL
    GROUP BY 1, 2, 3
), asked AS (
    SELECT false AS total, bucket, value, person, wrote, served
    FROM spoken
    WHERE $5::text IS NULL OR value = $5
    UNION ALL
    SELECT true, NULL, CASE WHEN $5 IS NOT NULL THEN $5 END, person, bool_or(wrote), bool_or(served)
    FROM spoken
    WHERE $5 IS NULL OR value = $5
    GROUP BY person
), fresh AS (
    SELECT
        a.total, a.bucket, CASE WHEN a.total THEN NULL ELSE a.value END AS value,
        a.wrote AND NOT coalesce(known.wrote, false) AS wrote,
        a.served AND NOT coalesce(known.served, false) AS served
    FROM asked AS a
    CROSS JOIN LATERAL (
        SELECT bool_or(c.greetings > 0) AS wrote, bool_or(c.answers > 0) AS served
        FROM chat_day AS c
        WHERE c.channel_user_id IN (
                SELECT channel_user_id FROM channel_user WHERE contact_id = a.person UNION ALL SELECT a.person
            )
            AND c.day >= $6
            AND c.day < $7
            AND (a.total OR width_bucket(CASE WHEN $10::boolean THEN c.hour ELSE c.day END, $2) = a.bucket)
            AND (
                a.value IS NULL
                OR a.value = CASE $4
                    WHEN 1 THEN c.account_id::text
                    WHEN 2 THEN c.platform::text
                    WHEN 3 THEN coalesce(c.agent_id::text, '')
                    WHEN 4 THEN c.campaign_id
                    WHEN 5 THEN c.language
                    WHEN 6 THEN c.country
                    ELSE ''
                END
            )
    ) AS known
)
SELECT
    total, bucket,
    CASE WHEN 'account' = ANY ($3::text[]) THEN value END AS account_id,
    CASE WHEN 'platform' = ANY ($3::text[]) THEN value::smallint END AS platform,
    CASE WHEN 'agent' = ANY ($3::text[]) THEN value END AS agent_id,
    CASE WHEN 'campaign' = ANY ($3::text[]) THEN value END AS campaign_id,
    CASE WHEN 'language' = ANY ($3::text[]) THEN value END AS language,
    CASE WHEN 'country' = ANY ($3::text[]) THEN value END AS country,
    count(*) FILTER (WHERE wrote) AS active,
    count(*) FILTER (WHERE served) AS served
FROM fresh
GROUP BY total, bucket, value

-- name: count_chats
-- People who wrote and who were served, each once per row, by any groups: of the days in [$7, $8) from what was written in
-- chats, beside them in [$9, $10) from messages. $11: cuts are hours. Messages too if $12. If $13, instead of who wrote, who
-- did and has no new entry in the row.
WITH spoken AS (
    SELECT
        CASE WHEN $11::boolean THEN hour ELSE day END AS at, account_id, platform, agent_id, campaign_id, language,
        country, person_id AS person, messages_in, messages_out, greetings > 0 AS wrote, answers > 0 AS served,
        false AS new
    FROM chat_day
    WHERE workspace_id = $1
        AND day >= $7
        AND day < $8
        AND ($4::uuid IS NULL OR account_id = $4)
        AND ($5::smallint IS NULL OR platform = $5)
        AND ($6::uuid IS NULL OR agent_id = $6)
    UNION ALL
    SELECT
        m.occurred_time, m.account_id, m.platform, m.agent_id, coalesce(e.campaign_id, ''), coalesce(e.language, ''),
        coalesce(e.country, ''), coalesce(u.contact_id, m.channel_user_id), (m.direction = 1)::integer,
        (m.direction = 2)::integer, m.direction = 1 AND m.greeting,
        m.direction = 2 AND m.human AND m.channel_user_id IS NOT NULL, false
    FROM (VALUES ($9::timestamptz, $7), ($8, $10::timestamptz)) AS beside (start, until)
    CROSS JOIN LATERAL (
        SELECT account_id, platform, agent_id, channel_user_id, occurred_time, direction, greeting, human
        FROM message
        WHERE workspace_id = $1
            AND occurred_time >= beside.start
            AND occurred_time < beside.until
            AND ($4 IS NULL OR account_id = $4)
            AND ($5 IS NULL OR platform = $5)
            AND ($6 IS NULL OR agent_id = $6)
        OFFSET 0
    ) AS m
    LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
    LEFT JOIN entry AS e
        ON $12::boolean
            AND e.channel_user_id = m.channel_user_id
            AND e.account_id = m.account_id
            AND e.again_event_id IS NULL
    UNION ALL
    SELECT
        e.occurred_time, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, u.contact_id, 0, 0,
        false, false, true
    FROM entry AS e
    JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id AND v.verdict = 'new'
    JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
    WHERE $13::boolean
        AND e.workspace_id = $1
        AND e.occurred_time >= $9
        AND e.occurred_time < $10
        AND ($4 IS NULL OR e.account_id = $4)
        AND ($5 IS NULL OR e.platform = $5)
        AND ($6 IS NULL OR e.agent_id = $6)
), grouped AS (
    SELECT
        width_bucket(at, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN account_id END AS account_id,
        CASE WHEN 'platform' = ANY ($3) THEN platform END AS platform,
        CASE WHEN 'agent' = ANY ($3) THEN agent_id END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3) THEN campaign_id END AS campaign_id,
        CASE WHEN 'language' = ANY ($3) THEN language END AS language,
        CASE WHEN 'country' = ANY ($3) THEN country END AS country,
        person, messages_in, messages_out, wrote, served, new
    FROM spoken
), figure AS (
    SELECT
        grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
        sum(messages_in) AS messages_in, sum(messages_out) AS messages_out, bool_or(wrote) AS wrote,
        bool_or(served) AS served, bool_or(new) AS new
    FROM grouped
    GROUP BY GROUPING SETS (
        (bucket, account_id, platform, agent_id, campaign_id, language, country, person), (person)
    )
)
SELECT
    total, bucket, account_id::text, platform,
    CASE WHEN 'agent' = ANY ($3) AND NOT total THEN coalesce(agent_id::text, '') END AS agent_id, campaign_id, language,
    country,
    CASE WHEN NOT $13 THEN count(*) FILTER (WHERE wrote) END AS active,
    count(*) FILTER (WHERE served) AS served,
    CASE WHEN $12 THEN sum(messages_in) END AS messages_in,
    CASE WHEN $12 THEN sum(messages_out) END AS messages_out,
    CASE WHEN $13 THEN count(*) FILTER (WHERE wrote AND NOT new) END AS active_repeats
FROM figure
GROUP BY total, bucket, account_id, platform, agent_id, campaign_id, language, country
