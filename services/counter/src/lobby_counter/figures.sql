-- name: find_beginning
-- The earliest time that any figure of a workspace has; NULL where there is none.
SELECT least(
    (SELECT min(occurred_time) FROM message WHERE workspace_id = $1),
    (SELECT min(occurred_time) FROM entry WHERE workspace_id = $1),
    (SELECT min(owed_since) FROM wait WHERE workspace_id = $1)
)

-- name: count_entries
-- Entries by present verdict, row by row, grouped by what roll-ups do not know: campaign, language, country.
-- Parameters of all counts: workspace, cuts, grouped by, account, platform, agent; then, in most, from and to; then, of
-- entries, the counter.
WITH figure AS (
    SELECT
        width_bucket(e.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN e.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN e.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(e.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN e.campaign_id END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN e.language END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN e.country END AS country,
        v.verdict
    FROM entry AS e
    JOIN verdict AS v ON v.counter_id = $9 AND v.entry_id = e.entry_id
    WHERE e.workspace_id = $1
        AND e.occurred_time >= $7
        AND e.occurred_time < $8
        AND ($4::uuid IS NULL OR e.account_id = $4)
        AND ($5::smallint IS NULL OR e.platform = $5)
        AND ($6::uuid IS NULL OR e.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) FILTER (WHERE verdict = 'new') AS new,
    count(*) FILTER (WHERE verdict = 'repeat') AS repeat,
    count(*) FILTER (WHERE verdict = 'excluded') AS excluded
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_recorded
-- First verdicts, and each correction where it is booked: what was believed is lost there, what is believed is gained.
WITH booked AS (
    SELECT entry_id, first_time AS at, first_verdict AS verdict, 1 AS weight
    FROM verdict
    WHERE counter_id = $9 AND first_time >= $7 AND first_time < $8
    UNION ALL
    SELECT entry_id, from_booked_time, from_verdict, -1
    FROM correction
    WHERE counter_id = $9 AND from_booked_time >= $7 AND from_booked_time < $8
    UNION ALL
    SELECT entry_id, to_booked_time, to_verdict, 1
    FROM correction
    WHERE counter_id = $9 AND to_booked_time >= $7 AND to_booked_time < $8
), figure AS (
    SELECT
        width_bucket(b.at, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN e.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN e.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(e.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN e.campaign_id END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN e.language END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN e.country END AS country,
        b.verdict,
        b.weight
    FROM booked AS b
    JOIN entry AS e ON e.entry_id = b.entry_id
    WHERE e.workspace_id = $1
        AND ($4::uuid IS NULL OR e.account_id = $4)
        AND ($5::smallint IS NULL OR e.platform = $5)
        AND ($6::uuid IS NULL OR e.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    coalesce(sum(weight) FILTER (WHERE verdict = 'new'), 0) AS new,
    coalesce(sum(weight) FILTER (WHERE verdict = 'repeat'), 0) AS repeat,
    coalesce(sum(weight) FILTER (WHERE verdict = 'excluded'), 0) AS excluded
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_rolled_up
-- Messages and, if $10, entries by present verdict: from roll-ups of the widths $7 in [$8, $9); width 0: row by row.
-- OFFSET keeps each piece a search of its own: together they look like so much that all would be read and sorted out.
WITH piece AS (
    SELECT width, start, until
    FROM unnest($7::smallint[], $8::timestamptz[], $9::timestamptz[]) AS p (width, start, until)
), counted AS (
    SELECT at, account_id, platform, agent_id, messages_in, messages_out, new, repeat, excluded
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT slot AS at, account_id, platform, agent_id, messages_in, messages_out, new, repeat, excluded
        FROM traffic
        WHERE workspace_id = $1 AND width = p.width AND slot >= p.start AND slot < p.until
        OFFSET 0
    ) AS t
    UNION ALL
    SELECT
        occurred_time, account_id, platform, agent_id, (direction = 1)::integer, (direction = 2)::integer, 0, 0, 0
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT occurred_time, account_id, platform, agent_id, direction
        FROM message
        WHERE workspace_id = $1 AND occurred_time >= p.start AND occurred_time < p.until
        OFFSET 0
    ) AS m
    WHERE p.width = 0
    UNION ALL
    SELECT
        occurred_time, account_id, platform, agent_id, 0, 0, (verdict = 'new')::integer, (verdict = 'repeat')::integer,
        (verdict = 'excluded')::integer
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT e.occurred_time, e.account_id, e.platform, e.agent_id, v.verdict
        FROM entry AS e
        JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
        WHERE e.workspace_id = $1 AND e.occurred_time >= p.start AND e.occurred_time < p.until
        OFFSET 0
    ) AS e
    WHERE p.width = 0 AND $10::boolean
), figure AS (
    SELECT
        width_bucket(at, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(agent_id::text, '') END AS agent_id,
        messages_in,
        messages_out,
        new,
        repeat,
        excluded
    FROM counted
    WHERE ($4::uuid IS NULL OR account_id = $4)
        AND ($5::smallint IS NULL OR platform = $5)
        AND ($6::uuid IS NULL OR agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, NULL AS campaign_id, NULL AS language,
    NULL AS country,
    coalesce(sum(messages_in), 0) AS messages_in,
    coalesce(sum(messages_out), 0) AS messages_out,
    coalesce(sum(new) FILTER (WHERE $10::boolean), 0) AS new,
    coalesce(sum(repeat) FILTER (WHERE $10::boolean), 0) AS repeat,
    coalesce(sum(excluded) FILTER (WHERE $10::boolean), 0) AS excluded
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id), ())

-- name: count_messages_by_entry
-- Messages row by row, grouped by what only the entry of their chat knows: campaign, language, country.
WITH figure AS (
    SELECT
        width_bucket(m.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN m.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN m.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(m.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        m.direction
    FROM message AS m
    LEFT JOIN entry AS e
        ON e.channel_user_id = m.channel_user_id AND e.account_id = m.account_id AND e.again_event_id IS NULL
    WHERE m.workspace_id = $1
        AND m.occurred_time >= $7
        AND m.occurred_time < $8
        AND ($4::uuid IS NULL OR m.account_id = $4)
        AND ($5::smallint IS NULL OR m.platform = $5)
        AND ($6::uuid IS NULL OR m.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) FILTER (WHERE direction = 1) AS messages_in,
    count(*) FILTER (WHERE direction = 2) AS messages_out
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_served
-- People to whom the platform accepted a person's answer, each once per row.
WITH figure AS (
    SELECT
        width_bucket(m.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN m.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN m.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(m.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        coalesce(u.contact_id, m.channel_user_id) AS person
    FROM message AS m
    LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
    LEFT JOIN entry AS e
        ON e.channel_user_id = m.channel_user_id AND e.account_id = m.account_id AND e.again_event_id IS NULL
    WHERE m.workspace_id = $1
        AND m.occurred_time >= $7
        AND m.occurred_time < $8
        AND m.direction = 2
        AND m.human
        AND ($4::uuid IS NULL OR m.account_id = $4)
        AND ($5::smallint IS NULL OR m.platform = $5)
        AND ($6::uuid IS NULL OR m.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(DISTINCT person) AS served
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_waits
-- Conversations owed now by when their wait began, and the people in them whom no person ever answered.
WITH figure AS (
    SELECT
        width_bucket(w.owed_since, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        coalesce(u.contact_id, c.channel_user_id) AS person,
        EXISTS (
            SELECT
            FROM channel_user AS other
            JOIN message AS m ON m.channel_user_id = other.channel_user_id AND m.direction = 2 AND m.human
            WHERE other.contact_id = u.contact_id
        ) AS served
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN channel_user AS u ON u.channel_user_id = c.channel_user_id
    LEFT JOIN entry AS e
        ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.owed_since >= $7
        AND w.owed_since < $8
        AND w.end_time IS NULL
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) AS waiting,
    count(DISTINCT person) FILTER (WHERE NOT served) AS unserved
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_missed
-- Waits that were missed, by when they began: those that are over from roll-ups of the widths $7 in [$8, $9), width 0: row
-- by row; those that are open as of $10.
WITH piece AS (
    SELECT width, start, until
    FROM unnest($7::smallint[], $8::timestamptz[], $9::timestamptz[]) AS p (width, start, until)
), counted AS (
    SELECT slot AS at, account_id, platform, agent_id, late, lost_window, unanswered
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT slot, account_id, platform, agent_id, late, lost_window, unanswered
        FROM missed
        WHERE workspace_id = $1 AND width = p.width AND slot >= p.start AND slot < p.until
        OFFSET 0
    ) AS m
    UNION ALL
    SELECT
        w.owed_since, c.account_id, c.platform, w.agent_id,
        (w.late_time < coalesce(w.end_time, $10::timestamptz))::integer,
        (w.window_lost_time <= coalesce(w.end_time, $10))::integer,
        (w.unanswered_time < coalesce(w.end_time, $10))::integer
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT conversation_id, agent_id, owed_since, end_time, late_time, window_lost_time, unanswered_time
        FROM wait
        WHERE workspace_id = $1
            AND owed_since >= p.start
            AND owed_since < p.until
            AND end_time IS NULL
        UNION ALL
        SELECT conversation_id, agent_id, owed_since, end_time, late_time, window_lost_time, unanswered_time
        FROM wait
        WHERE workspace_id = $1
            AND owed_since >= p.start
            AND owed_since < p.until
            AND end_time IS NOT NULL
            AND p.width = 0
        OFFSET 0
    ) AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
), figure AS (
    SELECT
        width_bucket(at, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(agent_id::text, '') END AS agent_id,
        late,
        lost_window,
        unanswered
    FROM counted
    WHERE ($4::uuid IS NULL OR account_id = $4)
        AND ($5::smallint IS NULL OR platform = $5)
        AND ($6::uuid IS NULL OR agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, NULL AS campaign_id, NULL AS language,
    NULL AS country,
    coalesce(sum(late), 0) AS late,
    coalesce(sum(lost_window), 0) AS lost_window,
    coalesce(sum(unanswered), 0) AS unanswered
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id), ())

-- name: count_missed_by_entry
-- Waits that were missed as of $9, row by row, grouped by what only the entry of their chat knows. Those that are over are
-- read from an index alone, and only of those that were missed is the entry sought.
WITH missed AS (
    SELECT
        owed_since, account_id, platform, agent_id, channel_user_id, late_time < end_time AS late,
        window_lost_time <= end_time AS lost_window, unanswered_time < end_time AS unanswered
    FROM wait
    WHERE workspace_id = $1
        AND owed_since >= $7
        AND owed_since < $8
        AND end_time IS NOT NULL
        AND (late_time < end_time OR window_lost_time <= end_time OR unanswered_time < end_time)
    UNION ALL
    SELECT
        owed_since, account_id, platform, agent_id, channel_user_id, late_time < $9::timestamptz,
        window_lost_time <= $9, unanswered_time < $9
    FROM wait
    WHERE workspace_id = $1
        AND owed_since >= $7
        AND owed_since < $8
        AND end_time IS NULL
        AND (late_time < $9 OR window_lost_time <= $9 OR unanswered_time < $9)
), figure AS (
    SELECT
        width_bucket(w.owed_since, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        w.late,
        w.lost_window,
        w.unanswered
    FROM missed AS w
    LEFT JOIN entry AS e
        ON e.channel_user_id = w.channel_user_id AND e.account_id = w.account_id AND e.again_event_id IS NULL
    WHERE ($4::uuid IS NULL OR w.account_id = $4)
        AND ($5::smallint IS NULL OR w.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) FILTER (WHERE late) AS late,
    count(*) FILTER (WHERE lost_window) AS lost_window,
    count(*) FILTER (WHERE unanswered) AS unanswered
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_missed_open
-- Open waits that were missed as of $9, by when they began.
WITH figure AS (
    SELECT
        width_bucket(w.owed_since, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        w.late_time < $9::timestamptz AS late,
        w.window_lost_time <= $9 AS lost_window,
        w.unanswered_time < $9 AS unanswered
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    LEFT JOIN entry AS e
        ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
    WHERE w.workspace_id = $1
        AND w.owed_since >= $7
        AND w.owed_since < $8
        AND w.end_time IS NULL
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) FILTER (WHERE late) AS late,
    count(*) FILTER (WHERE lost_window) AS lost_window,
    count(*) FILTER (WHERE unanswered) AS unanswered
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_present_new
-- Entries that are new now, of which recorded figures are read too.
WITH figure AS (
    SELECT
        width_bucket(e.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN e.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN e.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(e.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN e.campaign_id END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN e.language END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN e.country END AS country
    FROM entry AS e
    JOIN verdict AS v ON v.counter_id = $9 AND v.entry_id = e.entry_id AND v.verdict = 'new'
    WHERE e.workspace_id = $1
        AND e.occurred_time >= $7
        AND e.occurred_time < $8
        AND ($4::uuid IS NULL OR e.account_id = $4)
        AND ($5::smallint IS NULL OR e.platform = $5)
        AND ($6::uuid IS NULL OR e.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) AS present_new
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: count_active_repeats
-- People who wrote something that counts and have no new entry, each once per row; $9 is the counter.
WITH figure AS (
    SELECT
        width_bucket(m.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN m.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN m.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(m.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country,
        coalesce(u.contact_id, m.channel_user_id) AS person,
        false AS new
    FROM message AS m
    LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
    LEFT JOIN entry AS e
        ON $10::boolean
            AND e.channel_user_id = m.channel_user_id
            AND e.account_id = m.account_id
            AND e.again_event_id IS NULL
    WHERE m.workspace_id = $1
        AND m.occurred_time >= $7
        AND m.occurred_time < $8
        AND m.direction = 1
        AND m.greeting
        AND ($4::uuid IS NULL OR m.account_id = $4)
        AND ($5::smallint IS NULL OR m.platform = $5)
        AND ($6::uuid IS NULL OR m.agent_id = $6)
    UNION ALL
    SELECT
        width_bucket(e.occurred_time, $2),
        CASE WHEN 'account' = ANY ($3) THEN e.account_id::text END,
        CASE WHEN 'platform' = ANY ($3) THEN e.platform END,
        CASE WHEN 'agent' = ANY ($3) THEN coalesce(e.agent_id::text, '') END,
        CASE WHEN 'campaign' = ANY ($3) THEN e.campaign_id END,
        CASE WHEN 'language' = ANY ($3) THEN e.language END,
        CASE WHEN 'country' = ANY ($3) THEN e.country END,
        u.contact_id,
        true
    FROM entry AS e
    JOIN verdict AS v ON v.counter_id = $9 AND v.entry_id = e.entry_id AND v.verdict = 'new'
    JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
    WHERE e.workspace_id = $1
        AND e.occurred_time >= $7
        AND e.occurred_time < $8
        AND ($4::uuid IS NULL OR e.account_id = $4)
        AND ($5::smallint IS NULL OR e.platform = $5)
        AND ($6::uuid IS NULL OR e.agent_id = $6)
), person AS (
    SELECT
        grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
        bool_or(new) AS new
    FROM figure
    GROUP BY GROUPING SETS (
        (bucket, account_id, platform, agent_id, campaign_id, language, country, person), (person)
    )
)
SELECT
    total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) FILTER (WHERE NOT new) AS active_repeats
FROM person
GROUP BY total, bucket, account_id, platform, agent_id, campaign_id, language, country

-- name: count_active
-- People who wrote something that counts, each once per row: from hours and days made of widths $7 in [$8, $9); width 0:
-- message by message. Only channel users that were regrouped may be other people than when they wrote.
WITH piece AS (
    SELECT width, start, until
    FROM unnest($7::smallint[], $8::timestamptz[], $9::timestamptz[]) AS p (width, start, until)
), wrote AS (
    SELECT a.slot AS at, a.account_id, a.platform, a.agent_id, u.channel_user_id, u.contact_id
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT slot, account_id, platform, agent_id, channel_user_ids, contact_ids
        FROM activity
        WHERE workspace_id = $1
            AND width = p.width
            AND slot >= p.start
            AND slot < p.until
            AND ($4::uuid IS NULL OR account_id = $4)
            AND ($5::smallint IS NULL OR platform = $5)
            AND ($6::uuid IS NULL OR agent_id = $6)
        OFFSET 0
    ) AS a
    CROSS JOIN LATERAL unnest(a.channel_user_ids, a.contact_ids) AS u (channel_user_id, contact_id)
    UNION ALL
    SELECT m.occurred_time, m.account_id, m.platform, m.agent_id, m.channel_user_id, u.contact_id
    FROM piece AS p
    CROSS JOIN LATERAL (
        SELECT occurred_time, account_id, platform, agent_id, channel_user_id
        FROM message
        WHERE workspace_id = $1
            AND occurred_time >= p.start
            AND occurred_time < p.until
            AND direction = 1
            AND greeting
            AND ($4 IS NULL OR account_id = $4)
            AND ($5 IS NULL OR platform = $5)
            AND ($6 IS NULL OR agent_id = $6)
        OFFSET 0
    ) AS m
    LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
    WHERE p.width = 0
), regrouped AS MATERIALIZED (
    SELECT channel_user_id, contact_id
    FROM channel_user
    WHERE workspace_id = $1 AND version >= 0
), figure AS MATERIALIZED (
    SELECT DISTINCT
        width_bucket(w.at, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN w.account_id END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN w.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN w.agent_id END AS agent_id,
        coalesce(r.contact_id, w.contact_id, w.channel_user_id) AS person
    FROM wrote AS w
    LEFT JOIN regrouped AS r ON r.channel_user_id = w.channel_user_id
)
SELECT
    false AS total, bucket, account_id::text, platform,
    CASE WHEN 'agent' = ANY ($3) THEN coalesce(agent_id::text, '') END AS agent_id, NULL AS campaign_id, NULL AS language,
    NULL AS country, count(*) AS active
FROM figure
GROUP BY bucket, account_id, platform, figure.agent_id
UNION ALL
SELECT true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(*)
FROM (SELECT DISTINCT person FROM figure) AS everybody

-- name: write_recovered
-- Messages that came long after they were written are on record, once.
INSERT INTO recovered (message_id, workspace_id, occurred_time, received_time)
SELECT message_id, workspace_id, occurred_time, received_time
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    AS r (message_id, workspace_id, occurred_time, received_time)
ON CONFLICT DO NOTHING

-- name: count_recovered
-- Messages that came long after they were written; $9: whether grouped by what only the entry of their chat knows.
WITH figure AS (
    SELECT
        width_bucket(r.occurred_time, $2::timestamptz[]) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN m.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN m.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(m.agent_id::text, '') END AS agent_id,
        CASE WHEN 'campaign' = ANY ($3::text[]) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3::text[]) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3::text[]) THEN coalesce(e.country, '') END AS country
    FROM recovered AS r
    JOIN message AS m ON m.message_id = r.message_id
    LEFT JOIN entry AS e
        ON $9::boolean
            AND e.channel_user_id = m.channel_user_id
            AND e.account_id = m.account_id
            AND e.again_event_id IS NULL
    WHERE r.workspace_id = $1
        AND r.occurred_time >= $7
        AND r.occurred_time < $8
        AND ($4::uuid IS NULL OR m.account_id = $4)
        AND ($5::smallint IS NULL OR m.platform = $5)
        AND ($6::uuid IS NULL OR m.agent_id = $6)
)
SELECT
    grouping(bucket) = 1 AS total, bucket, account_id, platform, agent_id, campaign_id, language, country,
    count(*) AS recovered
FROM figure
GROUP BY GROUPING SETS ((bucket, account_id, platform, agent_id, campaign_id, language, country), ())

-- name: list_recovered
-- A page of messages that came long after they were written, by when that was.
SELECT
    r.message_id::text, u.contact_id::text, m.account_id::text, m.platform, m.agent_id::text, r.occurred_time,
    r.received_time
FROM recovered AS r
JOIN message AS m ON m.message_id = r.message_id
LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
LEFT JOIN entry AS e
    ON ($7::text IS NOT NULL OR $8::text IS NOT NULL OR $9::text IS NOT NULL)
        AND e.channel_user_id = m.channel_user_id
        AND e.account_id = m.account_id
        AND e.again_event_id IS NULL
WHERE r.workspace_id = $1
    AND r.occurred_time >= $2
    AND r.occurred_time < $3
    AND ($4::uuid IS NULL OR m.account_id = $4)
    AND ($5::smallint IS NULL OR m.platform = $5)
    AND ($6::uuid IS NULL OR m.agent_id = $6)
    AND ($7 IS NULL OR coalesce(e.campaign_id, '') = $7)
    AND ($8 IS NULL OR coalesce(e.language, '') = $8)
    AND ($9 IS NULL OR coalesce(e.country, '') = $9)
    AND ($10::timestamptz IS NULL OR (r.occurred_time, r.message_id) > ($10, $11::uuid))
ORDER BY r.occurred_time, r.message_id
LIMIT $12

-- name: list_entries
-- A page of entries with their present verdict at a counter and their person, in the order in which they are judged.
-- What is no entry any more is there only where it is asked for.
SELECT
    e.entry_id::text, e.event_id::text, e.message_id::text, u.contact_id::text, e.account_id::text, e.platform,
    e.agent_id::text, e.campaign_id, e.language, e.country, e.occurred_time, e.received_time, v.judged_time, v.verdict,
    v.reason, v.repeat_of::text, v.first_verdict, v.judged_contact_id::text, e.channel_user_id::text,
    coalesce(campaign_of(e.workspace_id, e.account_id, e.occurred_time)::text, '') AS entered_campaign_id
FROM entry AS e
JOIN verdict AS v ON v.counter_id = $14 AND v.entry_id = e.entry_id
JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
WHERE e.workspace_id = $1
    AND e.occurred_time >= $2
    AND e.occurred_time < $3
    AND ($4::uuid IS NULL OR e.account_id = $4)
    AND ($5::smallint IS NULL OR e.platform = $5)
    AND ($6::uuid IS NULL OR e.agent_id = $6)
    AND (v.verdict = $7 OR $7::text IS NULL AND v.verdict <> 'none')
    AND ($8::text IS NULL OR e.campaign_id = $8)
    AND ($9::text IS NULL OR e.language = $9)
    AND ($10::text IS NULL OR e.country = $10)
    AND ($11::timestamptz IS NULL OR (e.occurred_time, e.event_id) > ($11, $12::uuid))
ORDER BY e.occurred_time, e.event_id
LIMIT $13

-- name: list_corrections
-- The corrections of entries, oldest first.
SELECT
    correction_id::text, entry_id::text, from_verdict, to_verdict, reason, caused_by, cause_id::text, actor, create_time,
    effective_day, booked_day
FROM correction
WHERE entry_id = ANY ($1::uuid[]) AND counter_id = $2
ORDER BY create_time, correction_id
