-- name: lock_workspaces
-- Effects of a workspace are written one transaction at a time; everything read after this is current.
SELECT pg_advisory_xact_lock($1::integer, stripe)
FROM unnest($2::integer[]) AS stripe

-- name: count_inbound
-- Messages are kept and rolled up once. Returns those that may be entries: greetings with no earlier one at their place;
-- those of before of which the chat is known now; and workspaces that do not only count those first greetings.
WITH heard AS (
    SELECT message_id, event_id, workspace_id, account_id, channel_user_id, chat_id, occurred_time, platform, greeting
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::smallint[],
        $9::boolean[]
    ) AS h (message_id, event_id, workspace_id, account_id, channel_user_id, chat_id, occurred_time, platform, greeting)
), fresh AS (
    INSERT INTO message (
        message_id, event_id, workspace_id, account_id, channel_user_id, agent_id, occurred_time, platform, direction,
        human, greeting
    )
    SELECT
        h.message_id, h.event_id, h.workspace_id, h.account_id, h.channel_user_id, c.agent_id, h.occurred_time,
        h.platform, 1, true, h.greeting
    FROM heard AS h
    LEFT JOIN conversation AS c ON c.channel_user_id = h.channel_user_id AND c.account_id = h.account_id
    ON CONFLICT (message_id) DO NOTHING
    RETURNING
        message_id, event_id, workspace_id, account_id, channel_user_id, agent_id, occurred_time, platform, greeting
), rolled AS (
    INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, messages_in)
    SELECT workspace_id, width, slot, account_id, platform, agent_id, count(*)
    FROM fresh
    CROSS JOIN slots(occurred_time)
    GROUP BY workspace_id, width, slot, account_id, platform, agent_id
    ORDER BY workspace_id, width, slot, account_id, platform, agent_id
    ON CONFLICT ON CONSTRAINT traffic_key
    DO UPDATE SET messages_in = traffic.messages_in + excluded.messages_in
), chats AS (
    INSERT INTO chat (chat_id, channel_user_id)
    SELECT DISTINCT ON (h.chat_id) h.chat_id, h.channel_user_id
    FROM heard AS h
    WHERE NOT EXISTS (
        SELECT FROM chat AS k WHERE k.chat_id = h.chat_id AND k.channel_user_id = h.channel_user_id
    )
    ORDER BY h.chat_id, h.occurred_time DESC
    ON CONFLICT (chat_id)
    DO UPDATE SET channel_user_id = excluded.channel_user_id
    RETURNING chat_id, channel_user_id
), answers AS (
    UPDATE message AS m
    SET channel_user_id = chats.channel_user_id, awaited_chat_id = NULL
    FROM chats
    WHERE m.awaited_chat_id = chats.chat_id
    RETURNING m.message_id
)
SELECT 'candidate' AS kind, f.message_id::text AS id
FROM fresh AS f
WHERE f.greeting
    AND NOT EXISTS (
        SELECT
        FROM entry AS e
        WHERE e.channel_user_id = f.channel_user_id
            AND e.account_id = f.account_id
            AND (e.occurred_time, e.event_id) <= (f.occurred_time, f.event_id)
    )
UNION ALL
SELECT 'answer', message_id::text
FROM answers
UNION ALL
SELECT 'special', workspace_id::text
FROM special_workspace
WHERE workspace_id = ANY ($10::uuid[])

-- name: count_outbound
-- Messages to customers are kept and rolled up once; those to a chat that nobody is known to write under wait for it.
-- Returns workspaces that do not only count first greetings.
WITH heard AS (
    SELECT message_id, event_id, workspace_id, account_id, chat_id, agent_id, occurred_time, platform, human
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::smallint[],
        $9::boolean[]
    ) AS h (message_id, event_id, workspace_id, account_id, chat_id, agent_id, occurred_time, platform, human)
), fresh AS (
    INSERT INTO message (
        message_id, event_id, workspace_id, account_id, channel_user_id, awaited_chat_id, agent_id, occurred_time,
        platform, direction, human, greeting
    )
    SELECT
        h.message_id, h.event_id, h.workspace_id, h.account_id, k.channel_user_id,
        CASE WHEN k.channel_user_id IS NULL THEN h.chat_id END, h.agent_id, h.occurred_time, h.platform, 2, h.human, false
    FROM heard AS h
    LEFT JOIN chat AS k ON k.chat_id = h.chat_id
    ON CONFLICT (message_id) DO NOTHING
    RETURNING workspace_id, account_id, agent_id, occurred_time, platform
), rolled AS (
    INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, messages_out)
    SELECT workspace_id, width, slot, account_id, platform, agent_id, count(*)
    FROM fresh
    CROSS JOIN slots(occurred_time)
    GROUP BY workspace_id, width, slot, account_id, platform, agent_id
    ORDER BY workspace_id, width, slot, account_id, platform, agent_id
    ON CONFLICT ON CONSTRAINT traffic_key
    DO UPDATE SET messages_out = traffic.messages_out + excluded.messages_out
)
SELECT workspace_id::text
FROM special_workspace
WHERE workspace_id = ANY ($10::uuid[])

-- name: find_uncounted
-- Events whose message is not there, or that name a place of which the entry or its verdict is not there.
SELECT h.event_id
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[]) AS h (event_id, message_id, account_id, channel_user_id)
WHERE NOT EXISTS (SELECT FROM message AS m WHERE m.message_id = h.message_id)
    OR h.channel_user_id IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM entry AS e
        JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
        WHERE e.channel_user_id = h.channel_user_id AND e.account_id = h.account_id
    )

-- name: find_unfollowed
-- Events that their conversation is not past, and those of which the wait is not there: `since` is NULL where they tell
-- of none. A beginning stands in the wait that was open then, an end is that of a wait.
SELECT h.event_id
FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[])
    AS h (event_id, conversation_id, position, since, end_time, ending)
WHERE NOT EXISTS (
        SELECT FROM conversation AS c WHERE c.conversation_id = h.conversation_id AND c.position >= h.position
    )
    OR h.since IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM wait AS w
        WHERE w.conversation_id = h.conversation_id
            AND CASE
                WHEN h.ending IS NULL THEN
                    w.first_position <= h.position
                    AND (w.end_position IS NULL OR w.end_position >= h.position)
                ELSE w.ending = h.ending AND w.owed_since = h.since AND w.end_time = h.end_time
            END
    )

-- name: forget_unjudged
-- Entries without a verdict are not there, at the places where one was lost: they are made and judged again. What was
-- told of their language waits for them. Chats with further entries keep theirs, which are judged with all others: which of
-- them was there first is known of their ids alone.
WITH gone AS (
    DELETE FROM entry AS e
    USING unnest($1::uuid[], $2::uuid[]) AS h (account_id, channel_user_id)
    WHERE e.channel_user_id = h.channel_user_id AND e.account_id = h.account_id
        AND NOT EXISTS (SELECT FROM verdict AS v WHERE v.entry_id = e.entry_id)
        AND NOT EXISTS (
            SELECT
            FROM entry AS f
            WHERE f.channel_user_id = e.channel_user_id
                AND f.account_id = e.account_id
                AND f.again_event_id IS NOT NULL
        )
    RETURNING e.message_id, e.language_version, e.language
)
INSERT INTO awaited_language (message_id, version, language)
SELECT message_id, language_version, language
FROM gone
WHERE language_version > 0
ON CONFLICT (message_id)
DO UPDATE SET version = excluded.version, language = excluded.language
WHERE awaited_language.version < excluded.version

-- name: forget_messages
-- Messages that are to be counted again are not counted.
DELETE FROM message
WHERE message_id = ANY ($1::uuid[])

-- name: forget_traffic
-- Slots that hold some messages are to be rolled up again.
WITH touched AS (
    SELECT DISTINCT workspace_id, width, slot
    FROM message
    CROSS JOIN slots(occurred_time)
    WHERE message_id = ANY ($1::uuid[])
)
DELETE FROM traffic AS t
USING touched AS o
WHERE t.workspace_id = o.workspace_id AND t.width = o.width AND t.slot = o.slot

-- name: roll_up_traffic
-- Slots that hold some messages are as their messages, entries and present verdicts say.
WITH touched AS (
    SELECT DISTINCT workspace_id, width, slot, slot + make_interval(mins => width) AS until
    FROM message
    CROSS JOIN slots(occurred_time)
    WHERE message_id = ANY ($1::uuid[])
), counted AS (
    SELECT
        t.workspace_id, t.width, t.slot, m.account_id, m.platform, m.agent_id, m.direction, NULL AS verdict
    FROM touched AS t
    JOIN message AS m
        ON m.workspace_id = t.workspace_id AND m.occurred_time >= t.slot AND m.occurred_time < t.until
    UNION ALL
    SELECT t.workspace_id, t.width, t.slot, e.account_id, e.platform, e.agent_id, NULL, v.verdict
    FROM touched AS t
    JOIN entry AS e ON e.workspace_id = t.workspace_id AND e.occurred_time >= t.slot AND e.occurred_time < t.until
    JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
)
INSERT INTO traffic (
    workspace_id, width, slot, account_id, platform, agent_id, messages_in, messages_out, new, repeat, excluded
)
SELECT
    workspace_id, width, slot, account_id, platform, agent_id,
    count(*) FILTER (WHERE direction = 1),
    count(*) FILTER (WHERE direction = 2),
    count(*) FILTER (WHERE verdict = 'new'),
    count(*) FILTER (WHERE verdict = 'repeat'),
    count(*) FILTER (WHERE verdict = 'excluded')
FROM counted
GROUP BY workspace_id, width, slot, account_id, platform, agent_id

-- name: load_people
-- Every channel user and entry of every person to whom one of the channel users belongs, or who is named, with verdicts
-- at the workspaces' own counters.
WITH touched AS (
    SELECT contact_id
    FROM channel_user
    WHERE channel_user_id = ANY ($1::uuid[])
    UNION
    SELECT contact_id
    FROM unnest($2::uuid[]) AS named (contact_id)
)
SELECT
    u.workspace_id::text, u.channel_user_id::text, u.contact_id::text, u.version, e.entry_id::text, e.account_id::text,
    e.platform, e.event_id::text, e.occurred_time, e.silence, v.verdict, v.reason, v.repeat_of::text,
    EXISTS (SELECT FROM special_workspace AS s WHERE s.workspace_id = u.workspace_id) AS special
FROM touched
JOIN channel_user AS u ON u.contact_id = touched.contact_id
LEFT JOIN entry AS e ON e.channel_user_id = u.channel_user_id
LEFT JOIN verdict AS v ON v.counter_id = u.workspace_id AND v.entry_id = e.entry_id

-- name: write_members
-- Each channel user belongs to the person whom the newest version names.
INSERT INTO channel_user (channel_user_id, workspace_id, contact_id, version)
SELECT channel_user_id, workspace_id, contact_id, version
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
    AS u (channel_user_id, workspace_id, contact_id, version)
ON CONFLICT (channel_user_id)
DO UPDATE SET contact_id = excluded.contact_id, version = excluded.version
WHERE channel_user.version < excluded.version AND channel_user.workspace_id = excluded.workspace_id

-- name: replace_first_entries
-- Entries are not the first of their chats any more: an earlier greeting is to be.
UPDATE entry
SET again_event_id = event_id
WHERE entry_id = ANY ($1::uuid[]) AND again_event_id IS NULL

-- name: move_further_entries
-- Entries that are not the first of their chats are of an earlier greeting; id and agent stay, and what was not told with it.
UPDATE entry AS e
SET
    event_id = g.event_id,
    again_event_id = g.event_id,
    message_id = g.message_id,
    occurred_time = g.occurred_time,
    received_time = g.received_time,
    silence = g.silence,
    language_version = coalesce(l.version, 0),
    language = coalesce(l.language, nullif(e.language, ''), g.locale),
    campaign_id = g.campaign_id,
    country = coalesce(nullif(g.country, ''), e.country)
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::timestamptz[],
    $9::smallint[], $10::text[], $11::text[], $12::text[], $13::interval[]
) AS g (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, occurred_time, received_time, platform,
    campaign_id, locale, country, silence
)
LEFT JOIN awaited_language AS l ON l.message_id = g.message_id
WHERE e.entry_id = g.entry_id

-- name: write_entries
-- Entries are there with what was told of them before; an earlier greeting replaces the later one, agent and id stay. Of one
-- whose former first entry stays (`former_id`) the language is as at that, until it is told.
INSERT INTO entry (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, agent_id, occurred_time, received_time,
    platform, language_version, language, campaign_id, country
)
SELECT
    g.entry_id, g.workspace_id, g.account_id, g.channel_user_id, g.event_id, g.message_id, c.first_agent_id,
    g.occurred_time, g.received_time, g.platform, coalesce(l.version, 0),
    coalesce(l.language, (SELECT nullif(f.language, '') FROM entry AS f WHERE f.entry_id = g.former_id), g.locale),
    g.campaign_id, g.country
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::timestamptz[],
    $9::smallint[], $10::text[], $11::text[], $12::text[], $13::uuid[]
) AS g (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, occurred_time, received_time, platform,
    campaign_id, locale, country, former_id
)
LEFT JOIN conversation AS c ON c.channel_user_id = g.channel_user_id AND c.account_id = g.account_id
LEFT JOIN awaited_language AS l ON l.message_id = g.message_id
ON CONFLICT (entry_id)
DO UPDATE SET
    event_id = excluded.event_id,
    again_event_id = NULL,
    message_id = excluded.message_id,
    occurred_time = excluded.occurred_time,
    received_time = excluded.received_time,
    silence = NULL,
    campaign_id = excluded.campaign_id,
    country = excluded.country,
    language_version = excluded.language_version,
    language = CASE
        WHEN excluded.language_version > 0 OR entry.language = '' THEN excluded.language
        ELSE entry.language
    END

-- name: write_further_entries
-- Entries that are not the first of their chat are there; what was not told with their greeting is as at the first one.
INSERT INTO entry (
    entry_id, workspace_id, account_id, channel_user_id, event_id, again_event_id, message_id, agent_id, occurred_time,
    received_time, platform, silence, language_version, language, campaign_id, country
)
SELECT
    g.entry_id, g.workspace_id, g.account_id, g.channel_user_id, g.event_id, g.event_id, g.message_id, f.agent_id,
    g.occurred_time, g.received_time, g.platform, g.silence, coalesce(l.version, 0),
    coalesce(l.language, nullif(g.locale, ''), f.language), g.campaign_id, coalesce(nullif(g.country, ''), f.country)
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::timestamptz[],
    $9::smallint[], $10::text[], $11::text[], $12::text[], $13::interval[]
) AS g (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, occurred_time, received_time, platform,
    campaign_id, locale, country, silence
)
JOIN entry AS f
    ON f.channel_user_id = g.channel_user_id AND f.account_id = g.account_id AND f.again_event_id IS NULL
LEFT JOIN awaited_language AS l ON l.message_id = g.message_id
ON CONFLICT (entry_id)
DO UPDATE SET silence = excluded.silence

-- name: load_counters
-- The counters of workspaces beside their own, oldest first; those that judge nothing any more only where they are asked for.
SELECT
    counter_id::text, workspace_id::text, display_name, policy_version, dedupe_level, window_days, reentry_gap_days,
    base_mode, close_after_days, time_zone, platforms, account_ids::text[], campaign_id::text, create_time,
    EXISTS (SELECT FROM retired_counter AS r WHERE r.counter_id = counter.counter_id) AS retired
FROM counter
WHERE workspace_id = ANY ($1::uuid[])
    AND ($2 OR NOT EXISTS (SELECT FROM retired_counter AS r WHERE r.counter_id = counter.counter_id))
ORDER BY create_time, counter_id

-- name: find_adopted
-- The counter by which a workspace counts where none is named; NULL: its own.
SELECT counter_id::text FROM counter_adoption WHERE workspace_id = $1 ORDER BY create_time DESC LIMIT 1

-- name: adopt_counter
-- The workspace counts by this counter.
INSERT INTO counter_adoption (adoption_id, workspace_id, counter_id, actor) VALUES ($1, $2, $3, $4)

-- name: retire_counter
-- The counter judges nothing any more.
INSERT INTO retired_counter (counter_id, actor) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: load_campaigns
-- The campaigns of workspaces, oldest first.
SELECT
    campaign_id::text, workspace_id::text, display_name, account_ids::text[], start_time, end_time, create_time
FROM campaign
WHERE workspace_id = ANY ($1::uuid[])
ORDER BY create_time, campaign_id

-- name: load_traced
-- Those of the workspaces whose chats are kept, message by message, and whether those of before are too.
SELECT workspace_id::text, copied_time IS NULL AS complete
FROM special_workspace
WHERE workspace_id = ANY ($1::uuid[]) AND traced

-- name: load_verdicts
-- Judgements of entries at some counters.
SELECT counter_id::text, entry_id::text, verdict, reason, repeat_of::text
FROM verdict
WHERE counter_id = ANY ($1::uuid[]) AND entry_id = ANY ($2::uuid[])

-- name: load_base
-- The base rows of channel users.
SELECT
    base_id::text, workspace_id::text, channel_user_id::text, undone,
    -- The beginning of time is a moment that has a time zone.
    CASE WHEN effective_from = '-infinity' THEN '0001-01-02 00:00:00+00' ELSE effective_from END AS effective_from
FROM base
WHERE channel_user_id = ANY ($1::uuid[])

-- name: write_base
-- The base is as imported and undone.
INSERT INTO base (base_id, workspace_id, channel_user_id, effective_from, undone)
SELECT base_id, workspace_id, channel_user_id, effective_from, undone
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::boolean[])
    AS b (base_id, workspace_id, channel_user_id, effective_from, undone)
ON CONFLICT (base_id)
DO UPDATE SET effective_from = excluded.effective_from, undone = excluded.undone
WHERE base.workspace_id = excluded.workspace_id

-- name: keep_chat_messages
-- Messages of traced workspaces are in their chats.
INSERT INTO chat_message (channel_user_id, account_id, occurred_time, event_id, message_id, greeting)
SELECT m.channel_user_id, m.account_id, m.occurred_time, m.event_id, m.message_id, m.greeting
FROM message AS m
JOIN special_workspace AS t ON t.workspace_id = m.workspace_id AND t.traced
WHERE m.message_id = ANY ($1::uuid[]) AND m.channel_user_id IS NOT NULL
ORDER BY m.channel_user_id, m.account_id, m.occurred_time, m.event_id
ON CONFLICT DO NOTHING

-- name: read_greetings
-- Greetings that are entries by some policy or were until now, with the silence before each: of the chats of some messages
-- from the earliest of these on, and all of some channel users.
WITH told AS (
    SELECT channel_user_id, account_id, min(since) AS since
    FROM (
        SELECT channel_user_id, account_id, occurred_time AS since
        FROM message
        WHERE message_id = ANY ($1::uuid[]) AND channel_user_id IS NOT NULL
        UNION ALL
        SELECT channel_user_id, account_id, '-infinity'
        FROM chat_message
        WHERE channel_user_id = ANY ($2::uuid[])
    ) AS t
    GROUP BY channel_user_id, account_id
), spoken AS (
    SELECT
        c.message_id, c.greeting, c.occurred_time, c.event_id, t.since,
        c.occurred_time - lag(c.occurred_time) OVER (
            PARTITION BY c.channel_user_id, c.account_id ORDER BY c.occurred_time, c.event_id
        ) AS silence
    FROM told AS t
    JOIN chat_message AS c
        ON c.channel_user_id = t.channel_user_id
            AND c.account_id = t.account_id
            AND c.occurred_time >= coalesce(
                (
                    SELECT max(b.occurred_time)
                    FROM chat_message AS b
                    WHERE b.channel_user_id = t.channel_user_id
                        AND b.account_id = t.account_id
                        AND b.occurred_time < t.since
                ),
                t.since
            )
)
SELECT
    m.message_id::text, m.event_id::text, m.workspace_id::text, m.account_id::text, m.channel_user_id::text, m.platform,
    m.occurred_time, m.counted_time, u.contact_id::text, s.silence
FROM spoken AS s
JOIN message AS m ON m.message_id = s.message_id
LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
WHERE s.greeting
    AND s.occurred_time >= s.since
    AND (
        s.silence >= '24 hours'
        OR EXISTS (SELECT FROM entry AS e WHERE e.message_id = m.message_id)
        OR NOT EXISTS (
            SELECT
            FROM chat_message AS b
            WHERE b.channel_user_id = m.channel_user_id
                AND b.account_id = m.account_id
                AND (b.occurred_time, b.event_id) < (s.occurred_time, s.event_id)
                AND b.greeting
                AND campaign_of(m.workspace_id, b.account_id, b.occurred_time)
                    IS NOT DISTINCT FROM campaign_of(m.workspace_id, m.account_id, m.occurred_time)
        )
    )

-- name: insert_counter
-- There is a new counter.
INSERT INTO counter (
    counter_id, workspace_id, display_name, policy_version, dedupe_level, window_days, reentry_gap_days, base_mode,
    close_after_days, time_zone, platforms, account_ids, campaign_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING create_time

-- name: write_campaign
-- The campaign is as given.
INSERT INTO campaign (campaign_id, workspace_id, display_name, account_ids, start_time, end_time)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (campaign_id)
DO UPDATE SET
    display_name = excluded.display_name,
    account_ids = excluded.account_ids,
    start_time = excluded.start_time,
    end_time = excluded.end_time
RETURNING create_time

-- name: count_specially
-- Batches see that these workspaces count by more than their own counter.
INSERT INTO special_workspace (workspace_id, traced)
SELECT DISTINCT workspace_id, false
FROM unnest($1::uuid[]) AS w (workspace_id)
ORDER BY workspace_id
ON CONFLICT DO NOTHING

-- name: trace_workspace
-- The chats of the workspace are kept, message by message, from now on; those of before are to be copied.
INSERT INTO special_workspace (workspace_id, traced, copied_time, copied_message_id)
VALUES ($1, true, '-infinity', '00000000-0000-0000-0000-000000000000')
ON CONFLICT (workspace_id)
DO UPDATE SET traced = true, copied_time = excluded.copied_time, copied_message_id = excluded.copied_message_id
WHERE NOT special_workspace.traced

-- name: insert_recount
-- Every person of the workspace is to be judged again.
INSERT INTO recount (recount_id, workspace_id, cause_id, actor)
VALUES ($1, $2, $3, $4)

-- name: find_recounted
-- The workspaces in which counters are not done with what was before and may go on, oldest work first.
SELECT workspace_id::text
FROM recount
WHERE retry_time <= now()
GROUP BY workspace_id
ORDER BY min(recount_id::text)

-- name: load_recounts
-- What the counters of a workspace are not done with: the counter of which that is, NULL: all, because of a campaign.
SELECT c.counter_id::text, r.failures, r.failure, r.retry_time
FROM recount AS r
LEFT JOIN counter AS c ON c.counter_id = r.cause_id
WHERE r.workspace_id = $1
ORDER BY r.failures DESC, r.recount_id

-- name: put_off_recount
-- The work in a workspace that was next failed, and is not tried again before a while.
UPDATE recount
SET
    failures = failures + 1,
    failure = $2,
    retry_time = now() + make_interval(secs => least(power(2, least(failures, 20)), $3::double precision))
WHERE recount_id = (
    SELECT recount_id FROM recount WHERE workspace_id = $1 AND retry_time <= now() ORDER BY recount_id LIMIT 1
)
RETURNING recount_id::text, failures

-- name: count_recounts
-- How many recounts are to be done, and how many of these failed the last time.
SELECT count(*) AS waiting, count(*) FILTER (WHERE failures > 0) AS failing
FROM recount

-- name: copy_chat_messages
-- The next messages of before of a workspace are in their chats; returns whether there were any left to copy.
WITH next AS (
    SELECT m.message_id, m.event_id, m.account_id, m.channel_user_id, m.occurred_time, m.greeting
    FROM special_workspace AS t
    JOIN message AS m
        ON m.workspace_id = t.workspace_id
            AND m.occurred_time >= t.copied_time
            AND (m.occurred_time, m.message_id) > (t.copied_time, t.copied_message_id)
    WHERE t.workspace_id = $1
    ORDER BY m.occurred_time, m.message_id
    LIMIT $2
), kept AS (
    INSERT INTO chat_message (channel_user_id, account_id, occurred_time, event_id, message_id, greeting)
    SELECT channel_user_id, account_id, occurred_time, event_id, message_id, greeting
    FROM next
    WHERE channel_user_id IS NOT NULL
    ON CONFLICT DO NOTHING
), last AS (
    SELECT occurred_time, message_id
    FROM next
    ORDER BY occurred_time DESC, message_id DESC
    LIMIT 1
)
UPDATE special_workspace AS t
SET
    copied_time = (SELECT occurred_time FROM last),
    copied_message_id = (SELECT message_id FROM last)
WHERE t.workspace_id = $1 AND t.copied_time IS NOT NULL
RETURNING true

-- name: next_recount
-- The oldest work in a workspace that may go on, with the channel users of the next entries; none: it is done.
WITH work AS (
    SELECT recount_id, workspace_id, cause_id, actor, cursor_time, cursor_event_id
    FROM recount
    WHERE workspace_id = $1 AND retry_time <= now()
    ORDER BY recount_id
    LIMIT 1
)
SELECT w.recount_id::text, w.cause_id::text, w.actor, n.occurred_time, n.event_id::text, n.channel_user_id::text
FROM work AS w
LEFT JOIN LATERAL (
    SELECT e.occurred_time, e.event_id, e.channel_user_id
    FROM entry AS e
    WHERE e.workspace_id = w.workspace_id
        AND (e.occurred_time, e.event_id) > (w.cursor_time, w.cursor_event_id)
    ORDER BY e.occurred_time, e.event_id
    LIMIT $2
) AS n ON true
ORDER BY n.occurred_time, n.event_id

-- name: move_recount
-- The work is done up to an entry.
UPDATE recount
SET cursor_time = $2, cursor_event_id = $3, failures = 0, failure = '', retry_time = '-infinity'
WHERE recount_id = $1

-- name: end_recount
-- The work is done.
DELETE FROM recount
WHERE recount_id = $1

-- name: insert_verdicts
-- New entries have their first and their present verdict.
INSERT INTO verdict (
    counter_id, entry_id, judged_contact_id, first_time, first_verdict, verdict, reason, repeat_of
)
SELECT counter_id, entry_id, judged_contact_id, first_time, first_verdict, verdict, reason, repeat_of
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::uuid[]
) AS v (counter_id, entry_id, judged_contact_id, first_time, first_verdict, verdict, reason, repeat_of)

-- name: update_verdicts
-- Entries have their present verdict; the first one stays as it was.
UPDATE verdict
SET verdict = v.verdict, reason = v.reason, repeat_of = v.repeat_of
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[])
    AS v (counter_id, entry_id, verdict, reason, repeat_of)
WHERE verdict.counter_id = v.counter_id AND verdict.entry_id = v.entry_id

-- name: insert_corrections
-- The changes of verdicts are on record.
INSERT INTO correction (
    correction_id, counter_id, entry_id, from_verdict, to_verdict, reason, caused_by, cause_id, actor, from_time,
    to_time, from_booked_time, to_booked_time, effective_day, booked_day
)
SELECT
    correction_id, counter_id, entry_id, from_verdict, to_verdict, reason, caused_by, cause_id, actor, from_time,
    to_time, from_booked_time, to_booked_time, effective_day, booked_day
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::date[], $15::date[]
) AS c (
    correction_id, counter_id, entry_id, from_verdict, to_verdict, reason, caused_by, cause_id, actor, from_time,
    to_time, from_booked_time, to_booked_time, effective_day, booked_day
)

-- name: load_conversations
-- Conversations with their open waits.
SELECT
    c.conversation_id::text, c.workspace_id::text, c.account_id::text, c.platform, c.channel_user_id::text,
    c.agent_id::text, c.first_agent_id::text, c.position, c.hold_time, c.pool_reason, c.hold_by_agent_id::text,
    coalesce(c.waited, EXISTS (SELECT FROM wait AS b WHERE b.conversation_id = c.conversation_id)) AS waited,
    c.close_time, w.wait_id::text, w.owed_since, w.agent_id::text AS wait_agent_id, w.first_position, w.received_time,
    w.first, w.holds, w.opened, w.bot_time, w.window_lost_time
FROM conversation AS c
LEFT JOIN wait AS w ON w.conversation_id = c.conversation_id AND w.end_time IS NULL
WHERE c.conversation_id = ANY ($1::uuid[])

-- name: write_conversations
-- Conversations are as after the last event told of them.
INSERT INTO conversation (
    conversation_id, workspace_id, account_id, platform, channel_user_id, agent_id, first_agent_id, position, hold_time,
    pool_reason, hold_by_agent_id, waited, close_time
)
SELECT
    conversation_id, workspace_id, account_id, platform, channel_user_id, agent_id, first_agent_id, position, hold_time,
    pool_reason, hold_by_agent_id, waited, close_time
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[],
    $9::timestamptz[], $10::text[], $11::uuid[], $12::boolean[], $13::timestamptz[]
) AS c (
    conversation_id, workspace_id, account_id, platform, channel_user_id, agent_id, first_agent_id, position, hold_time,
    pool_reason, hold_by_agent_id, waited, close_time
)
ON CONFLICT (conversation_id)
DO UPDATE SET
    agent_id = excluded.agent_id,
    first_agent_id = excluded.first_agent_id,
    position = excluded.position,
    hold_time = excluded.hold_time,
    pool_reason = excluded.pool_reason,
    hold_by_agent_id = excluded.hold_by_agent_id,
    waited = excluded.waited,
    close_time = excluded.close_time

-- name: write_waits
-- Waits are as told; those that ended come first, because a conversation has one open wait at most.
INSERT INTO wait (
    wait_id, conversation_id, workspace_id, agent_id, end_agent_id, owed_since, end_time, ending, close_reason,
    first_position, end_position, received_time, first, holds, window_lost_time, late_time, unanswered_time,
    business_time, queue_time, opened, bot_time, channel_user_id, account_id, platform, explained
)
SELECT
    wait_id, conversation_id, workspace_id, agent_id, end_agent_id, owed_since, end_time, ending, close_reason,
    first_position, end_position, received_time, first, holds, window_lost_time, coalesce(late_time, 'infinity'),
    coalesce(unanswered_time, 'infinity'), business_time, queue_time, opened, bot_time, channel_user_id, account_id, platform,
    -- Who was not missed has nothing to explain.
    end_time IS NOT NULL
        AND NOT coalesce(late_time < end_time OR window_lost_time <= end_time OR unanswered_time < end_time, false)
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::text[],
    $9::text[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::boolean[], $14::jsonb[], $15::timestamptz[],
    $16::timestamptz[], $17::timestamptz[], $18::interval[], $19::interval[],
    $20::jsonb[], $21::timestamptz[], $22::uuid[], $23::uuid[], $24::smallint[]
) AS w (
    wait_id, conversation_id, workspace_id, agent_id, end_agent_id, owed_since, end_time, ending, close_reason,
    first_position, end_position, received_time, first, holds, window_lost_time, late_time, unanswered_time,
    business_time, queue_time, opened, bot_time, channel_user_id, account_id, platform
)
ORDER BY end_time NULLS LAST
ON CONFLICT (wait_id)
DO UPDATE SET
    agent_id = excluded.agent_id,
    end_agent_id = excluded.end_agent_id,
    owed_since = excluded.owed_since,
    end_time = excluded.end_time,
    ending = excluded.ending,
    close_reason = excluded.close_reason,
    first_position = excluded.first_position,
    end_position = excluded.end_position,
    received_time = excluded.received_time,
    first = excluded.first,
    holds = excluded.holds,
    window_lost_time = excluded.window_lost_time,
    late_time = excluded.late_time,
    unanswered_time = excluded.unanswered_time,
    business_time = excluded.business_time,
    queue_time = excluded.queue_time,
    opened = excluded.opened,
    bot_time = excluded.bot_time,
    explained = excluded.explained,
    redate = false

-- name: write_agent_misses
-- Assignments that came to nothing are on record.
INSERT INTO agent_miss (wait_id, agent_id, start_time, miss_time)
SELECT wait_id, agent_id, start_time, miss_time
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS m (wait_id, agent_id, start_time, miss_time)
ON CONFLICT DO NOTHING

-- name: stretch_waits
-- Waits that were made again and are over begin where the wait before them in their conversation ended: what was told
-- of them in between, and is examined apart, belongs to them. The one with none before it is the first.
UPDATE wait AS w
SET
    first_position = CASE
        WHEN w.end_position IS NULL THEN w.first_position
        ELSE 1 + coalesce(
            (
                SELECT max(o.end_position)
                FROM wait AS o
                WHERE o.conversation_id = w.conversation_id AND o.end_position < w.end_position
            ),
            0
        )
    END,
    first = NOT EXISTS (
        SELECT FROM wait AS o WHERE o.conversation_id = w.conversation_id AND o.owed_since < w.owed_since
    )
WHERE w.wait_id = ANY ($1::uuid[])

-- name: write_failures
-- Answers that the platform did not accept are on record; misses of waits that were over before this was told are to be
-- explained again.
WITH fresh AS (
    INSERT INTO send_failure (event_id, conversation_id, fail_time)
    SELECT event_id, conversation_id, fail_time
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS f (event_id, conversation_id, fail_time)
    ON CONFLICT DO NOTHING
    RETURNING conversation_id, fail_time
)
UPDATE wait AS w
SET explained = false
FROM fresh AS f
WHERE w.conversation_id = f.conversation_id
    AND w.explained
    AND w.end_time >= f.fail_time
    AND (w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time)

-- name: write_rendered
-- Texts that nobody could read are on record until they can be; misses of waits that were over before this was told are to
-- be explained again.
WITH told AS (
    SELECT message_id, version, account_id, chat_id, start_time, end_time
    FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
        AS r (message_id, version, account_id, chat_id, start_time, end_time)
), fresh AS (
    INSERT INTO untranslated (message_id, version, account_id, chat_id, start_time, end_time)
    SELECT
        t.message_id, t.version, t.account_id, t.chat_id, t.start_time,
        -- What can be read at last may be told in the same batch.
        coalesce(
            t.end_time,
            (SELECT min(n.end_time) FROM told AS n WHERE n.message_id = t.message_id AND n.version > t.version)
        )
    FROM told AS t
    WHERE t.start_time IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING account_id, chat_id, start_time
), readable AS (
    UPDATE untranslated AS u
    SET end_time = t.end_time
    FROM (
        SELECT message_id, min(version) AS version, min(end_time) AS end_time
        FROM told
        WHERE end_time IS NOT NULL AND version > 1
        GROUP BY message_id
    ) AS t
    WHERE u.message_id = t.message_id AND u.version < t.version AND u.end_time IS NULL
    RETURNING u.account_id, u.chat_id, u.start_time
), touched AS (
    SELECT account_id, chat_id, start_time FROM fresh
    UNION ALL
    SELECT account_id, chat_id, start_time FROM readable
)
UPDATE wait AS w
SET explained = false
FROM touched AS t
JOIN chat AS k ON k.chat_id = t.chat_id
JOIN conversation AS c ON c.channel_user_id = k.channel_user_id AND c.account_id = t.account_id
WHERE w.conversation_id = c.conversation_id
    AND w.explained
    AND w.end_time >= t.start_time
    AND (w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time)

-- name: write_states
-- What states of accounts changed to is on record; misses of waits that were over before this was told are to be explained
-- again.
WITH fresh AS (
    INSERT INTO account_state (event_id, account_id, state_time, state)
    SELECT event_id, account_id, state_time, state
    FROM unnest($1::uuid[], $3::uuid[], $4::timestamptz[], $5::text[]) AS s (event_id, account_id, state_time, state)
    ON CONFLICT DO NOTHING
    RETURNING account_id, state_time
)
UPDATE wait AS w
SET explained = false
FROM fresh AS f
JOIN conversation AS c ON c.account_id = f.account_id
WHERE w.workspace_id = ANY ($2::uuid[])
    AND w.conversation_id = c.conversation_id
    AND w.explained
    AND w.end_time >= f.state_time
    AND (w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time)

-- name: load_schedules
-- The versions of the schedules of workspaces, by their start.
SELECT
    schedule_id::text, workspace_id::text, account_id::text, start_time, time_zone, intervals, holidays, target_seconds,
    create_time
FROM schedule
WHERE workspace_id = ANY ($1::uuid[])
ORDER BY start_time, account_id NULLS FIRST

-- name: insert_schedule
-- There is a new schedule.
INSERT INTO schedule (
    schedule_id, workspace_id, account_id, start_time, time_zone, intervals, holidays, target_seconds, actor
)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9)
RETURNING create_time

-- name: redate_waits
-- Open waits of a workspace whose deadlines lie after an instant are to have them found anew.
UPDATE wait
SET redate = true
WHERE workspace_id = $1 AND end_time IS NULL AND (late_time > $2 OR unanswered_time > $2)

-- name: find_undated_workspaces
-- Workspaces that have waits whose deadlines are to be found.
SELECT workspace_id::text
FROM wait
WHERE late_time IS NULL
UNION
SELECT workspace_id::text
FROM wait
WHERE redate

-- name: find_undated
-- Some waits of a workspace whose deadlines are to be found.
SELECT w.wait_id::text, c.account_id::text, w.owed_since, w.end_time
FROM wait AS w
JOIN conversation AS c ON c.conversation_id = w.conversation_id
WHERE w.workspace_id = $1 AND (w.late_time IS NULL OR w.redate)
LIMIT $2

-- name: date_waits
-- Waits have their deadlines.
UPDATE wait AS w
SET
    late_time = coalesce(d.late_time, 'infinity'),
    unanswered_time = coalesce(d.unanswered_time, 'infinity'),
    business_time = d.business_time,
    explained = false,
    redate = false
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::interval[])
    AS d (wait_id, late_time, unanswered_time, business_time)
WHERE w.wait_id = d.wait_id

-- name: freeze_agents
-- Entries of the conversations have the first agent, for ever.
UPDATE entry AS e
SET agent_id = c.first_agent_id
FROM conversation AS c
WHERE c.conversation_id = ANY ($1::uuid[])
    AND e.channel_user_id = c.channel_user_id
    AND e.account_id = c.account_id
    AND e.agent_id IS NULL

-- name: hand_over_messages
-- Messages of customers that nobody held belong to the agent who holds the conversation now, in roll-ups too;
-- hours in which they wrote are made again.
WITH handed AS (
    UPDATE message AS m
    SET agent_id = c.agent_id
    FROM conversation AS c
    WHERE c.conversation_id = ANY ($1::uuid[])
        AND c.agent_id IS NOT NULL
        AND m.channel_user_id = c.channel_user_id
        AND m.account_id = c.account_id
        AND m.direction = 1
        AND m.agent_id IS NULL
    RETURNING m.workspace_id, m.occurred_time, m.account_id, m.platform, m.agent_id
), moved AS (
    SELECT workspace_id, width, slot, account_id, platform, agent_id, count(*) AS messages
    FROM handed
    CROSS JOIN slots(occurred_time)
    GROUP BY workspace_id, width, slot, account_id, platform, agent_id
), dirty AS (
    INSERT INTO activity_dirty (workspace_id, slot)
    SELECT DISTINCT m.workspace_id, m.slot
    FROM moved AS m
    JOIN activity_mark AS k ON k.workspace_id = m.workspace_id AND m.slot < k.until
    WHERE m.width = 60
    ORDER BY m.workspace_id, m.slot
    ON CONFLICT DO NOTHING
)
INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, messages_in)
SELECT workspace_id, width, slot, account_id, platform, agent_id, messages
FROM moved
UNION ALL
SELECT workspace_id, width, slot, account_id, platform, NULL, -sum(messages)::bigint
FROM moved
GROUP BY workspace_id, width, slot, account_id, platform
ORDER BY workspace_id, width, slot, account_id, platform, agent_id
ON CONFLICT ON CONSTRAINT traffic_key
DO UPDATE SET messages_in = traffic.messages_in + excluded.messages_in

-- name: read_activity_mark
-- Up to when who wrote is there of a workspace.
SELECT until
FROM activity_mark
WHERE workspace_id = $1

-- name: read_dirty_hours
-- Hours before that which are to be made again.
SELECT slot
FROM activity_dirty
WHERE workspace_id = $1
ORDER BY slot

-- name: mark_dirty_hours
-- Hours that are made already are to be made again.
INSERT INTO activity_dirty (workspace_id, slot)
SELECT d.workspace_id, d.slot
FROM unnest($1::uuid[], $2::timestamptz[]) AS d (workspace_id, slot)
JOIN activity_mark AS k ON k.workspace_id = d.workspace_id AND d.slot < k.until
ON CONFLICT DO NOTHING

-- name: clear_dirty_hours
-- Hours are made.
DELETE FROM activity_dirty
WHERE workspace_id = $1 AND slot = ANY ($2::timestamptz[])

-- name: find_active_workspaces
-- Workspaces in which anything was ever heard.
SELECT workspace_id::text
FROM calendar

-- name: find_hours
-- The next hours of a workspace in which customers wrote.
SELECT DISTINCT slot
FROM traffic
WHERE workspace_id = $1 AND width = 60 AND slot >= $2 AND slot < $3
ORDER BY slot
LIMIT $4

-- name: move_activity_mark
-- Who wrote is there up to an hour.
INSERT INTO activity_mark (workspace_id, until)
VALUES ($1, $2)
ON CONFLICT (workspace_id)
DO UPDATE SET until = excluded.until

-- name: forget_activity
-- Slots of a width are to be made again.
DELETE FROM activity
WHERE workspace_id = $1 AND width = $2 AND slot = ANY ($3::timestamptz[])

-- name: make_hours
-- Hours are as their messages say.
INSERT INTO activity (workspace_id, width, slot, account_id, platform, agent_id, channel_user_ids, contact_ids)
SELECT
    $1, 60, w.slot, w.account_id, w.platform, w.agent_id, array_agg(w.channel_user_id), array_agg(u.contact_id)
FROM (
    SELECT DISTINCT h.slot, m.account_id, m.platform, m.agent_id, m.channel_user_id
    FROM unnest($2::timestamptz[]) AS h (slot)
    CROSS JOIN LATERAL (
        SELECT account_id, platform, agent_id, channel_user_id
        FROM message
        WHERE workspace_id = $1
            AND occurred_time >= h.slot
            AND occurred_time < h.slot + interval '1 hour'
            AND direction = 1
            AND greeting
        OFFSET 0
    ) AS m
) AS w
LEFT JOIN channel_user AS u ON u.channel_user_id = w.channel_user_id
GROUP BY w.slot, w.account_id, w.platform, w.agent_id

-- name: make_days
-- Days are as their hours say.
INSERT INTO activity (workspace_id, width, slot, account_id, platform, agent_id, channel_user_ids, contact_ids)
SELECT
    $1, 1440, w.slot, w.account_id, w.platform, w.agent_id, array_agg(w.channel_user_id), array_agg(w.contact_id)
FROM (
    SELECT DISTINCT d.slot, h.account_id, h.platform, h.agent_id, u.channel_user_id, u.contact_id
    FROM unnest($2::timestamptz[]) AS d (slot)
    CROSS JOIN LATERAL (
        SELECT account_id, platform, agent_id, channel_user_ids, contact_ids
        FROM activity
        WHERE workspace_id = $1 AND width = 60 AND slot >= d.slot AND slot < d.slot + interval '1 day'
        OFFSET 0
    ) AS h
    CROSS JOIN LATERAL unnest(h.channel_user_ids, h.contact_ids) AS u (channel_user_id, contact_id)
) AS w
GROUP BY w.slot, w.account_id, w.platform, w.agent_id

-- name: learn_languages
-- Entries have the newest language told of their message; what is told of a chat that nobody is known in waits.
WITH heard AS (
    SELECT message_id, chat_id, version, language
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[]) AS h (message_id, chat_id, version, language)
), learnt AS (
    UPDATE entry AS e
    SET language = h.language, language_version = h.version
    FROM heard AS h
    WHERE e.message_id = h.message_id AND e.language_version < h.version
)
INSERT INTO awaited_language (message_id, version, language)
SELECT h.message_id, h.version, h.language
FROM heard AS h
WHERE NOT EXISTS (SELECT FROM chat AS k WHERE k.chat_id = h.chat_id)
ON CONFLICT (message_id)
DO UPDATE SET version = excluded.version, language = excluded.language
WHERE awaited_language.version < excluded.version

-- name: insert_forgetting
-- Channel users were forgotten: digests of their addresses are to go.
INSERT INTO forgetting (channel_user_id, workspace_id)
SELECT channel_user_id, workspace_id
FROM unnest($1::uuid[], $2::uuid[]) AS f (channel_user_id, workspace_id)
ON CONFLICT DO NOTHING

-- name: find_forgetting
-- The channel user who is due next.
SELECT channel_user_id::text, workspace_id::text, passes
FROM forgetting
WHERE due_time <= now()
ORDER BY due_time
LIMIT 1

-- name: forget_chats
-- Chats of a channel user have ids that say nothing; digests of addresses are ids of version 8. What came for them since, and
-- before anybody else wrote from there, is his.
WITH his AS MATERIALIZED (
    SELECT chat_id, gen_random_uuid() AS said_nothing
    FROM chat
    WHERE channel_user_id = $1 AND substr(chat_id::text, 15, 1) = '8'
), known AS (
    UPDATE forgetting
    SET chat_ids = chat_ids || ARRAY(SELECT chat_id FROM his)
    WHERE channel_user_id = $1
    RETURNING chat_ids
), renamed AS (
    UPDATE chat AS k
    SET chat_id = h.said_nothing
    FROM his AS h
    WHERE k.chat_id = h.chat_id
), rendered AS (
    UPDATE untranslated AS u
    SET chat_id = coalesce(
        (SELECT h.said_nothing FROM his AS h ORDER BY h.chat_id = u.chat_id DESC LIMIT 1),
        (SELECT k.chat_id FROM chat AS k WHERE k.channel_user_id = $1 LIMIT 1)
    )
    WHERE u.chat_id = ANY (SELECT unnest(chat_ids) FROM known)
        AND NOT EXISTS (SELECT FROM chat AS k WHERE k.chat_id = u.chat_id AND k.channel_user_id <> $1)
)
UPDATE message
SET channel_user_id = $1, awaited_chat_id = NULL
WHERE awaited_chat_id = ANY (SELECT unnest(chat_ids) FROM known)

-- name: postpone_forgetting
-- He is looked at again after some seconds.
UPDATE forgetting
SET passes = passes + 1, due_time = now() + make_interval(secs => $2)
WHERE channel_user_id = $1

-- name: end_forgetting
-- Nothing of his comes any more.
DELETE FROM forgetting
WHERE channel_user_id = $1

-- name: find_step
-- What became of a message: when it was counted, and the entry that it made if it made one.
SELECT m.event_id::text, m.counted_time, m.direction, v.judged_time, v.verdict, v.reason
FROM message AS m
LEFT JOIN entry AS e ON e.message_id = m.message_id
LEFT JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
WHERE m.message_id = $1

-- name: read_calendars
-- The calendars as they were known last.
SELECT workspace_id::text, time_zone, day_start_hour
FROM calendar

-- name: write_calendar
-- The calendar of a workspace is as its gateway says.
INSERT INTO calendar (workspace_id, time_zone, day_start_hour)
VALUES ($1, $2, $3)
ON CONFLICT (workspace_id)
DO UPDATE SET time_zone = excluded.time_zone, day_start_hour = excluded.day_start_hour
