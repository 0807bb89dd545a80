-- name: tell
-- What happened to some entries: $1 of them, in the $2 days before $3. Nine in ten are of users who
-- have one chat; one user in fifty is the same person as another.
CREATE UNLOGGED TABLE told AS
WITH drawn AS (
    SELECT
        n,
        n - CASE WHEN n % 10 = 0 THEN 5 ELSE 0 END AS person,
        random() AS r_account, random() AS r_agent, random() AS r_campaign, random() AS r_language, random() AS r_country,
        random() AS r_time, random() AS r_answer, random() AS r_took, random() AS r_back, random() AS r_later
    FROM generate_series(1, $1) AS n
), placed AS (
    SELECT
        d.*,
        (20 * r_account ^ 2)::integer % 20 AS account,
        $3 - make_interval(secs => $2 * 86400 * (1 - r_time)) AS at,
        make_interval(secs => CASE WHEN r_took < 0.9 THEN -150 * ln(1 - r_took) ELSE 36000 * (r_took - 0.9) + 400 END) AS took
    FROM drawn AS d
)
SELECT
    p.n,
    md5('user ' || p.person)::uuid AS channel_user_id,
    md5('person ' || CASE WHEN p.person % 50 = 3 THEN p.person - 1 ELSE p.person END)::uuid AS contact_id,
    CASE WHEN p.person % 50 IN (2, 3) THEN p.person ELSE -1 END AS version,
    -- The second chat of a user is at another account than his first: those are even, these are odd.
    md5('account ' || 2 * (p.account / 2) + CASE WHEN p.n % 10 = 0 THEN 1 ELSE 0 END)::uuid AS account_id,
    (1 + p.account / 2 % 3)::smallint AS platform,
    md5('agent ' || floor(50 * p.r_agent ^ 1.5))::uuid AS agent_id,
    CASE WHEN p.r_campaign < 0.3 THEN '' ELSE 'ad-' || floor(40 * p.r_campaign ^ 2) END AS campaign_id,
    (ARRAY['th', 'vi', 'pt', 'en', 'id', 'es', 'ms', 'tl'])[1 + floor(8 * p.r_language ^ 2)] AS language,
    (ARRAY['TH', 'VN', 'BR', 'ID', 'MY', 'PH', 'MX', 'SG', 'US', 'GB', 'IN', 'KH', 'LA', 'MM', 'CO'])[
        1 + floor(15 * p.r_country ^ 2)
    ] AS country,
    p.at,
    CASE WHEN p.r_answer < 0.95 AND p.at + p.took < $3 THEN p.at + p.took END AS answer_time,
    -- Who is not answered is told so within the day, but for those of the last hours and a few.
    CASE
        WHEN (p.r_answer >= 0.95 OR p.at + p.took >= $3) AND p.at + interval '20 hours' < $3 AND p.r_later > 0.001
            THEN p.at + interval '20 hours'
    END AS close_time,
    CASE WHEN p.r_back < 0.3 AND b.at < $3 - interval '5 minutes' THEN b.at END AS back_time,
    p.r_later
FROM placed AS p
CROSS JOIN LATERAL (SELECT p.at + make_interval(days => 1, secs => 60 * 86400 * p.r_later) AS at) AS b


-- name: people
INSERT INTO channel_user (channel_user_id, workspace_id, contact_id, version)
SELECT channel_user_id, $1, contact_id, version
FROM told
WHERE n % 10 <> 0

-- name: messages
INSERT INTO message (
    message_id, event_id, workspace_id, account_id, channel_user_id, agent_id, occurred_time, platform, direction, human,
    greeting
)
SELECT
    md5('message ' || t.n || '.' || m.part)::uuid, md5('event ' || t.n || '.' || m.part)::uuid, $1, t.account_id,
    t.channel_user_id, t.agent_id, m.at, t.platform, m.direction, true, m.direction = 1
FROM told AS t
CROSS JOIN LATERAL (
    VALUES
        (1, t.at, 1),
        (2, t.answer_time, 2),
        (3, t.back_time, 1),
        (4, t.back_time + interval '2 minutes', 2)
) AS m (part, at, direction)
WHERE m.at IS NOT NULL
ORDER BY m.at

-- name: chats
INSERT INTO chat (chat_id, channel_user_id)
SELECT md5('chat ' || n)::uuid, channel_user_id
FROM told

-- name: entries
INSERT INTO entry (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, agent_id, occurred_time, received_time,
    platform, language_version, language, campaign_id, country
)
SELECT
    md5('entry ' || n)::uuid, $1, account_id, channel_user_id, md5('event ' || n || '.1')::uuid,
    md5('message ' || n || '.1')::uuid, agent_id, at, at, platform, 1, language, campaign_id, country
FROM told
ORDER BY at

-- name: verdicts
-- The first entry of a person is new. Half of those that repeat what they were not linked with then were new at first.
INSERT INTO verdict (
    counter_id, entry_id, repeat_of, judged_contact_id, first_time, judged_time, first_verdict, verdict, reason
)
SELECT
    $1, md5('entry ' || n)::uuid, CASE WHEN n <> first THEN md5('entry ' || first)::uuid END, contact_id, at, at,
    CASE WHEN n = first OR version >= 0 THEN 'new' ELSE 'repeat' END,
    CASE WHEN n = first THEN 'new' ELSE 'repeat' END,
    CASE WHEN n = first THEN 'first' WHEN version >= 0 THEN 'merged' ELSE 'same_identity' END
FROM (
    SELECT
        n, contact_id, version, at,
        first_value(n) OVER (PARTITION BY contact_id ORDER BY at, md5('event ' || n || '.1')::uuid) AS first
    FROM told
) AS judged
ORDER BY at

-- name: corrections
INSERT INTO correction (
    correction_id, counter_id, entry_id, from_verdict, to_verdict, reason, caused_by, cause_id, actor, from_time, to_time,
    from_booked_time, to_booked_time, effective_day, booked_day
)
SELECT
    md5('correction ' || entry_id)::uuid, counter_id, entry_id, first_verdict, verdict, reason, 'merge', entry_id, '',
    first_time, first_time, first_time, first_time, first_time::date, first_time::date
FROM verdict
WHERE first_verdict <> verdict

-- name: conversations
INSERT INTO conversation (
    conversation_id, workspace_id, account_id, channel_user_id, agent_id, first_agent_id, position, platform, hold_time,
    waited
)
SELECT
    md5('conversation ' || n)::uuid, $1, account_id, channel_user_id, agent_id, agent_id, 10 * n, platform, at, true
FROM told

-- name: waits
INSERT INTO wait (
    wait_id, conversation_id, workspace_id, agent_id, end_agent_id, owed_since, end_time, ending, close_reason,
    first_position, end_position, received_time, first, holds, late_time, unanswered_time, business_time, queue_time,
    late_cause, unanswered_cause, explained, channel_user_id, account_id, platform
)
SELECT
    md5('wait ' || n || first)::uuid, md5('conversation ' || n)::uuid, $1, agent_id,
    CASE WHEN end_time IS NOT NULL THEN agent_id END, since, end_time, ending,
    CASE WHEN ending = 'closed' THEN CASE WHEN n % 3 = 0 THEN 'spam' ELSE 'resolved' END ELSE '' END,
    10 * n, CASE WHEN end_time IS NOT NULL THEN 10 * n + 1 END, since + interval '1 second', first,
    jsonb_build_array(jsonb_build_array(agent_id, since - interval '1 second', '', NULL)), late_time, unanswered_time,
    end_time - since, CASE WHEN end_time IS NOT NULL THEN interval '0' END,
    CASE WHEN late_time < end_time THEN 'assigned_ignored' END,
    CASE WHEN unanswered_time < end_time THEN 'assigned_ignored' END,
    end_time IS NOT NULL, channel_user_id, account_id, platform
FROM (
    SELECT
        n, channel_user_id, account_id, platform, agent_id, at AS since, coalesce(answer_time, close_time) AS end_time,
        CASE WHEN answer_time IS NOT NULL THEN 'answered' WHEN close_time IS NOT NULL THEN 'closed' END AS ending,
        true AS first, at + interval '5 minutes' AS late_time, at + interval '40 hours' AS unanswered_time
    FROM told
    UNION ALL
    SELECT
        n, channel_user_id, account_id, platform, agent_id, back_time, back_time + interval '2 minutes', 'answered', false, back_time + interval '5 minutes',
        back_time + interval '40 hours'
    FROM told
    WHERE back_time IS NOT NULL AND coalesce(answer_time, close_time) < back_time
) AS waited
ORDER BY since

-- name: agent_misses
INSERT INTO agent_miss (wait_id, agent_id, start_time, miss_time)
SELECT wait_id, agent_id, owed_since, late_time
FROM wait
WHERE late_time < end_time

-- name: traffic
INSERT INTO traffic (
    workspace_id, width, slot, account_id, platform, agent_id, messages_in, messages_out, new, repeat, excluded
)
SELECT
    workspace_id, width, slot, account_id, platform, agent_id, sum(messages_in), sum(messages_out), sum(new),
    sum(repeat), sum(excluded)
FROM (
    SELECT
        workspace_id, date_bin('15 minutes', occurred_time, '1970-01-01 00:00:00+00') AS quarter, account_id, platform,
        agent_id, count(*) FILTER (WHERE direction = 1) AS messages_in,
        count(*) FILTER (WHERE direction = 2) AS messages_out, 0 AS new, 0 AS repeat, 0 AS excluded
    FROM message
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT
        e.workspace_id, date_bin('15 minutes', e.occurred_time, '1970-01-01 00:00:00+00'), e.account_id, e.platform,
        e.agent_id, 0, 0, count(*) FILTER (WHERE v.verdict = 'new'), count(*) FILTER (WHERE v.verdict = 'repeat'),
        count(*) FILTER (WHERE v.verdict = 'excluded')
    FROM entry AS e
    JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
    GROUP BY 1, 2, 3, 4, 5
) AS counted
CROSS JOIN slots(quarter)
GROUP BY workspace_id, width, slot, account_id, platform, agent_id

-- name: missed
INSERT INTO missed (workspace_id, width, slot, account_id, platform, agent_id, late, lost_window, unanswered)
SELECT
    workspace_id, width, slot, account_id, platform, agent_id, sum(late), 0, sum(unanswered)
FROM (
    SELECT
        w.workspace_id, date_bin('15 minutes', w.owed_since, '1970-01-01 00:00:00+00') AS quarter, c.account_id,
        c.platform, w.agent_id, count(*) FILTER (WHERE w.late_time < w.end_time) AS late,
        count(*) FILTER (WHERE w.unanswered_time < w.end_time) AS unanswered
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    WHERE w.late_time < w.end_time OR w.unanswered_time < w.end_time
    GROUP BY 1, 2, 3, 4, 5
) AS counted
CROSS JOIN slots(quarter)
GROUP BY workspace_id, width, slot, account_id, platform, agent_id

-- name: day_starts
-- Days of Bangkok, which knows no summer time, up to an hour.
INSERT INTO day_start (workspace_id, day)
SELECT $1, day
FROM generate_series(
    (SELECT date_trunc('day', min(occurred_time) AT TIME ZONE 'Asia/Bangkok') AT TIME ZONE 'Asia/Bangkok' FROM message),
    $2::timestamptz - interval '1 microsecond',
    interval '1 day'
) AS day

-- name: day_mark
INSERT INTO day_mark (workspace_id, time_zone, day_start_hour, since, until)
SELECT $1, 'Asia/Bangkok', 0, min(day), $2
FROM day_start

-- name: chat_days
INSERT INTO chat_day (
    workspace_id, channel_user_id, account_id, agent_id, day, hour, platform, person_id, campaign_id, language, country,
    messages_in, messages_out, greetings, answers
)
SELECT
    $1, t.channel_user_id, t.account_id, t.agent_id,
    date_trunc('day', m.at AT TIME ZONE 'Asia/Bangkok') AT TIME ZONE 'Asia/Bangkok' AS day, date_trunc('hour', m.at) AS hour,
    t.platform, t.contact_id, t.campaign_id, t.language, t.country, sum(m.inbound), sum(1 - m.inbound), sum(m.inbound), sum(1 - m.inbound)
FROM told AS t
CROSS JOIN LATERAL (
    VALUES (t.at, 1), (t.answer_time, 0), (t.back_time, 1), (t.back_time + interval '2 minutes', 0)
) AS m (at, inbound)
WHERE m.at < $2
GROUP BY
    t.n, t.channel_user_id, t.account_id, t.agent_id, day, hour, t.platform, t.contact_id, t.campaign_id, t.language, t.country
ORDER BY hour

-- name: day_people
-- Each person of each day, with his last day before.
CREATE UNLOGGED TABLE there AS
SELECT
    facet, value, day, wrote, served,
    coalesce(max(day) FILTER (WHERE wrote) OVER before, '-infinity') AS wrote_day,
    coalesce(max(day) FILTER (WHERE served) OVER before, '-infinity') AS served_day
FROM (
    SELECT c.person_id, f.facet, f.value, c.day, bool_or(c.greetings > 0) AS wrote, bool_or(c.answers > 0) AS served
    FROM chat_day AS c
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
    GROUP BY c.person_id, f.facet, f.value, c.day
) AS present
WINDOW before AS (PARTITION BY person_id, facet, value ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)

-- name: day_returns
INSERT INTO day_return (workspace_id, facet, day, last_day, value, wrote, served)
SELECT $1, facet, day, last_day, value, sum(wrote), sum(served)
FROM (
    SELECT facet, day, wrote_day AS last_day, value, 1 AS wrote, 0 AS served FROM there WHERE wrote
    UNION ALL
    SELECT facet, day, served_day, value, 0, 1 FROM there WHERE served
) AS each
WHERE last_day > '-infinity'
GROUP BY facet, day, last_day, value

-- name: day_figures
INSERT INTO day_figure (workspace_id, facet, day, value, messages_in, messages_out, wrote, served)
SELECT $1, facet, day, value, m.messages_in, m.messages_out, p.wrote, p.served
FROM (
    SELECT facet, day, value, sum(messages_in) AS messages_in, sum(messages_out) AS messages_out
    FROM chat_day AS c
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country)
    GROUP BY facet, day, value
) AS m
JOIN (
    SELECT facet, day, value, count(*) FILTER (WHERE wrote) AS wrote, count(*) FILTER (WHERE served) AS served
    FROM there
    GROUP BY facet, day, value
) AS p USING (facet, day, value)

-- name: hour_figures
-- In the order of time, as they are made.
INSERT INTO hour_figure (workspace_id, facet, hour, value, messages_in, messages_out, wrote, served)
SELECT
    $1, facet, hour, value, sum(messages_in), sum(messages_out), count(*) FILTER (WHERE greetings > 0),
    count(*) FILTER (WHERE answers > 0)
FROM (
    SELECT
        c.person_id, f.facet, f.value, c.hour, sum(c.messages_in) AS messages_in, sum(c.messages_out) AS messages_out,
        sum(c.greetings) AS greetings, sum(c.answers) AS answers
    FROM chat_day AS c
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
    GROUP BY c.person_id, f.facet, f.value, c.hour
) AS there
GROUP BY facet, hour, value
ORDER BY hour
