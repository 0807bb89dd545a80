-- name: conversation_columns
-- A conversation in the order of domain.Conversation's fields; joined into the statements that read conversations.
c.conversation_id::text,
c.workspace_id::text,
c.account_id::text,
c.platform,
c.channel_user_id::text,
c.contact_id::text,
c.chat,
c.display_name,
c.country,
c.language,
c.closed,
c.episode,
COALESCE(c.agent_id::text, ''),
c.was_assigned,
COALESCE(c.answer_agent_id::text, ''),
c.answer_time,
c.team,
COALESCE(c.released_by::text, ''),
c.pooled,
c.answered_seq,
c.echo_time,
c.echo_received_time,
COALESCE(c.ended_by::text, ''),
COALESCE(c.lease_agent_id::text, ''),
c.lease_expire_time,
c.window_lost,
c.bot_answered,
c.thanks_until,
c.inbound_seq,
c.owed_since,
c.inbound_time,
COALESCE(c.last_message_id::text, ''),
c.last_message_text,
c.last_message_time,
c.window_close_time,
COALESCE(pp.priority, 0)

-- name: lock_workspaces
-- Nobody else assigns or changes conversations of these workspaces until the transaction ends.
SELECT workspace_id::text
FROM workspace
WHERE workspace_id = ANY($1::uuid[])
ORDER BY workspace_id
FOR UPDATE;

-- name: ensure_workspaces
-- A row to lock for each workspace.
INSERT INTO workspace (workspace_id)
SELECT w
FROM unnest($1::uuid[]) AS w
ORDER BY w
ON CONFLICT DO NOTHING;

-- name: load_agents
-- The agents of workspaces with what they carry, oldest first, in the order of domain.Agent's fields.
SELECT
    a.agent_id::text,
    a.workspace_id::text,
    a.display_name,
    a.languages,
    a.countries,
    a.teams,
    a.capacity,
    a.presence,
    a.presence_time,
    a.create_time,
    a.turn,
    (
        SELECT count(*)
        FROM conversation AS c
        WHERE c.workspace_id = a.workspace_id AND c.agent_id = a.agent_id AND c.owed_since IS NOT NULL
    )::int
FROM agent AS a
WHERE a.workspace_id = ANY($1::uuid[])
ORDER BY a.workspace_id, a.create_time, a.agent_id;

-- name: load_for_messages
-- What is known before messages are applied: their conversation by id or chat, and whether each was applied before.
SELECT
    m.message_id IS NOT NULL AS known,
    COALESCE(h.conversation_id::text, '') AS bound,
    EXISTS (
        SELECT FROM waiting_event AS w WHERE w.account_id = r.account_id AND w.chat = r.chat
    ) AS awaited,
    {columns}
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
    WITH ORDINALITY AS r (conversation_id, account_id, chat, message_id, n)
LEFT JOIN chat AS h ON h.account_id = r.account_id AND h.chat = r.chat
LEFT JOIN conversation AS c ON c.conversation_id = COALESCE(r.conversation_id, h.conversation_id)
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
LEFT JOIN conversation_message AS m ON m.message_id = r.message_id
ORDER BY r.n;

-- name: load_people
-- Of channel users for whom somebody must be found: their contact if it was moved, and the agent whom the person knows.
SELECT
    COALESCE(p.contact_id, r.contact_id)::text AS contact_id,
    (
        SELECT COALESCE(k.answer_agent_id, k.agent_id)::text
        FROM conversation AS k
        WHERE k.contact_id = COALESCE(p.contact_id, r.contact_id)
            AND COALESCE(k.answer_agent_id, k.agent_id) IS NOT NULL
        ORDER BY k.answer_time DESC NULLS LAST
        LIMIT 1
    ) AS agent_id,
    COALESCE(pp.priority, 0) AS priority
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS r (channel_user_id, contact_id, platform, n)
LEFT JOIN contact_pointer AS p ON p.channel_user_id = r.channel_user_id
LEFT JOIN platform_priority AS pp ON pp.platform = r.platform
ORDER BY r.n;

-- name: load_ends
-- Unanswered messages after a sequence number, and echoes since a time, of each conversation.
SELECT
    m.conversation_id::text,
    m.message_id::text,
    m.seq,
    m.occurred_time,
    COALESCE(m.received_time, m.occurred_time) AS received_time,
    false AS echo
FROM unnest($1::uuid[], $2::bigint[]) AS q (conversation_id, seq)
JOIN conversation_message AS m
    ON m.conversation_id = q.conversation_id AND m.seq > q.seq AND m.inbound AND m.effective
UNION ALL
SELECT
    m.conversation_id::text,
    m.message_id::text,
    m.seq,
    m.occurred_time,
    COALESCE(m.received_time, m.occurred_time),
    true
FROM unnest($3::uuid[], $4::timestamptz[]) AS q (conversation_id, since)
JOIN conversation_message AS m
    ON m.conversation_id = q.conversation_id AND m.occurred_time >= q.since AND m.echo;

-- name: load_waiting
-- Events that came before their subject, of these chats, oldest first.
SELECT w.event_id::text, w.event
FROM waiting_event AS w
JOIN unnest($1::uuid[], $2::text[]) AS t (account_id, chat) USING (account_id, chat)
ORDER BY w.create_time, w.event_id;

-- name: find_known
-- Those of some messages that stand in a conversation.
SELECT message_id::text
FROM conversation_message
WHERE message_id = ANY($1::uuid[]);

-- name: save_waiting
-- Events wait for their subject.
INSERT INTO waiting_event (event_id, account_id, chat, event)
SELECT event_id, account_id, chat, event
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) AS t (event_id, account_id, chat, event)
ON CONFLICT DO NOTHING;

-- name: delete_waiting
-- Events that waited have been applied.
DELETE FROM waiting_event
WHERE event_id = ANY($1::uuid[]);

-- name: find_unplaced
-- Events whose message stands in no conversation and that do not wait for one; and those because of which it was
-- decided that nobody is free, without that decision.
SELECT h.event_id
FROM unnest($1::text[], $2::uuid[]) AS h (event_id, message_id)
LEFT JOIN conversation_message AS m ON m.message_id = h.message_id
WHERE m.message_id IS NULL AND NOT EXISTS (SELECT FROM waiting_event AS w WHERE w.event_id = h.event_id::uuid)
    OR m.effects LIKE '%pooled%'
    AND NOT EXISTS (
        SELECT FROM decision AS d WHERE d.conversation_id = m.conversation_id AND d.message_id = m.message_id
    );

-- name: restore_pooled
-- Messages because of which it was decided that nobody is free have that decision; who was looked at is not known.
INSERT INTO decision (conversation_id, decide_time, agent_id, strategy, reason, candidates, message_id)
SELECT m.conversation_id, m.apply_time, NULL, 'none', 'restored', '[]', m.message_id
FROM conversation_message AS m
WHERE m.message_id = ANY ($1::uuid[])
    AND m.effects LIKE '%pooled%'
    AND NOT EXISTS (
        SELECT FROM decision AS d WHERE d.conversation_id = m.conversation_id AND d.message_id = m.message_id
    );

-- name: find_undecided
-- Events that tell of a conversation which went to somebody, or to nobody any more, without the decision.
SELECT h.event_id
FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::uuid[])
    AS h (event_id, conversation_id, decide_time, agent_id)
WHERE NOT EXISTS (
    SELECT
    FROM decision AS d
    WHERE d.conversation_id = h.conversation_id
        AND d.decide_time = h.decide_time
        AND d.agent_id IS NOT DISTINCT FROM h.agent_id
);

-- name: restore_decisions
-- Decisions that were told and are not there; who was looked at is not known any more.
INSERT INTO decision (conversation_id, decide_time, agent_id, strategy, reason, candidates, message_id)
SELECT h.conversation_id, h.decide_time, h.agent_id, h.strategy, 'restored', '[]', h.message_id
FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::uuid[])
    AS h (conversation_id, decide_time, agent_id, strategy, message_id)
WHERE NOT EXISTS (
    SELECT
    FROM decision AS d
    WHERE d.conversation_id = h.conversation_id
        AND d.decide_time = h.decide_time
        AND d.agent_id IS NOT DISTINCT FROM h.agent_id
);

-- name: restore_messages
-- Effective messages that are gone from conversations which count them are back, each at a number that is free.
-- Returns those for which there was one.
WITH asked AS (
    SELECT
        message_id, conversation_id, occurred_time, received_time,
        row_number() OVER (PARTITION BY conversation_id ORDER BY occurred_time, message_id) AS place
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
        AS t (message_id, conversation_id, occurred_time, received_time)
    WHERE NOT EXISTS (SELECT FROM conversation_message AS m WHERE m.message_id = t.message_id)
), free AS (
    SELECT c.conversation_id, number.seq, row_number() OVER (PARTITION BY c.conversation_id ORDER BY number.seq) AS place
    FROM conversation AS c
    CROSS JOIN LATERAL generate_series(1, c.inbound_seq) AS number (seq)
    WHERE c.conversation_id = ANY ($2::uuid[])
        AND NOT EXISTS (
            SELECT
            FROM conversation_message AS m
            WHERE m.conversation_id = c.conversation_id AND m.seq = number.seq AND m.inbound AND m.effective
        )
)
INSERT INTO conversation_message (
    message_id, conversation_id, seq, inbound, effective, echo, occurred_time, received_time, effects
)
SELECT message_id, conversation_id, seq, true, true, false, occurred_time, received_time, 'restored'
FROM asked
JOIN free USING (conversation_id, place)
ON CONFLICT DO NOTHING
RETURNING message_id::text;

-- name: save_pointers
-- Channel users belong to these contacts from now on, and so do their conversations; older news changes nothing.
WITH moved AS (
    INSERT INTO contact_pointer AS p (channel_user_id, contact_id, version)
    SELECT channel_user_id, contact_id, version
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS t (channel_user_id, contact_id, version)
    ORDER BY channel_user_id
    ON CONFLICT (channel_user_id) DO UPDATE
    SET contact_id = excluded.contact_id, version = excluded.version
    WHERE p.version < excluded.version
    RETURNING p.channel_user_id, p.contact_id
)
UPDATE conversation AS c
SET contact_id = moved.contact_id
FROM moved
WHERE c.channel_user_id = moved.channel_user_id AND c.contact_id <> moved.contact_id;

-- name: save_messages
-- Messages as they stand in their conversations, and what each message changes in a conversation.
WITH lines AS (
    INSERT INTO conversation_message (
        message_id, conversation_id, seq, inbound, effective, echo, occurred_time, received_time, effects
    )
    SELECT message_id, conversation_id, seq, inbound, effective, echo, occurred_time, received_time, effects
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::bigint[], $4::boolean[], $5::boolean[], $6::boolean[], $7::timestamptz[],
        $8::timestamptz[], $9::text[]
    ) AS t (message_id, conversation_id, seq, inbound, effective, echo, occurred_time, received_time, effects)
    ON CONFLICT (message_id) DO UPDATE
    SET effects = excluded.effects, echo = excluded.echo
    WHERE conversation_message.effects = ''
)
UPDATE conversation AS c
SET
    inbound_seq = t.inbound_seq,
    owed_since = t.owed_since,
    inbound_time = t.inbound_time,
    last_message_id = t.last_message_id,
    last_message_text = t.last_message_text,
    last_message_time = t.last_message_time,
    window_close_time = t.window_close_time,
    last_message_hour = date_trunc('hour', t.last_message_time, 'UTC')
FROM unnest(
    $10::uuid[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::uuid[], $15::text[], $16::timestamptz[],
    $17::timestamptz[]
) AS t (
    conversation_id, inbound_seq, owed_since, inbound_time, last_message_id, last_message_text, last_message_time,
    window_close_time
)
WHERE c.conversation_id = t.conversation_id;

-- name: save_conversations
-- Conversations, new ones and those of which more changed than a message does.
INSERT INTO conversation (
    conversation_id, workspace_id, account_id, platform, channel_user_id, contact_id,
    chat, display_name, country, language, closed, episode,
    agent_id, was_assigned, answer_agent_id, answer_time, team, released_by, pooled,
    answered_seq, echo_time, echo_received_time, ended_by, lease_agent_id, lease_expire_time,
    window_lost, bot_answered, thanks_until, inbound_seq, owed_since, inbound_time, last_message_id, last_message_text,
    last_message_time, window_close_time, last_message_hour
)
SELECT
    conversation_id, workspace_id, account_id, platform, channel_user_id, contact_id,
    chat, display_name, country, language, closed, episode,
    agent_id, was_assigned, answer_agent_id, answer_time, team, released_by, pooled,
    answered_seq, echo_time, echo_received_time, ended_by, lease_agent_id, lease_expire_time,
    window_lost, bot_answered, thanks_until, inbound_seq, owed_since, inbound_time, last_message_id, last_message_text,
    last_message_time, window_close_time, date_trunc('hour', last_message_time, 'UTC')
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::int[],
    $13::uuid[], $14::boolean[], $15::uuid[], $16::timestamptz[], $17::text[], $18::uuid[], $19::boolean[],
    $20::bigint[], $21::timestamptz[], $22::timestamptz[], $23::uuid[], $24::uuid[], $25::timestamptz[],
    $26::boolean[], $27::boolean[], $28::timestamptz[], $29::bigint[], $30::timestamptz[], $31::timestamptz[],
    $32::uuid[], $33::text[], $34::timestamptz[], $35::timestamptz[]
) AS t (
    conversation_id, workspace_id, account_id, platform, channel_user_id, contact_id,
    chat, display_name, country, language, closed, episode,
    agent_id, was_assigned, answer_agent_id, answer_time, team, released_by, pooled,
    answered_seq, echo_time, echo_received_time, ended_by, lease_agent_id, lease_expire_time,
    window_lost, bot_answered, thanks_until, inbound_seq, owed_since, inbound_time, last_message_id, last_message_text,
    last_message_time, window_close_time
)
ON CONFLICT (conversation_id) DO UPDATE
SET
    contact_id = excluded.contact_id,
    chat = excluded.chat,
    display_name = excluded.display_name,
    country = excluded.country,
    language = excluded.language,
    closed = excluded.closed,
    episode = excluded.episode,
    agent_id = excluded.agent_id,
    was_assigned = excluded.was_assigned,
    answer_agent_id = excluded.answer_agent_id,
    answer_time = excluded.answer_time,
    team = excluded.team,
    released_by = excluded.released_by,
    pooled = excluded.pooled,
    inbound_seq = excluded.inbound_seq,
    answered_seq = excluded.answered_seq,
    echo_time = excluded.echo_time,
    echo_received_time = excluded.echo_received_time,
    ended_by = excluded.ended_by,
    owed_since = excluded.owed_since,
    lease_agent_id = excluded.lease_agent_id,
    lease_expire_time = excluded.lease_expire_time,
    window_lost = excluded.window_lost,
    bot_answered = excluded.bot_answered,
    thanks_until = excluded.thanks_until,
    inbound_time = excluded.inbound_time,
    last_message_id = excluded.last_message_id,
    last_message_text = excluded.last_message_text,
    last_message_time = excluded.last_message_time,
    window_close_time = excluded.window_close_time,
    last_message_hour = excluded.last_message_hour;

-- name: save_chats
-- Chats belong to these conversations.
INSERT INTO chat (account_id, chat, conversation_id, bind_time)
SELECT account_id, chat, conversation_id, bind_time
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[]) AS t (account_id, chat, conversation_id, bind_time)
ON CONFLICT (account_id, chat) DO UPDATE
SET conversation_id = excluded.conversation_id, bind_time = excluded.bind_time;

-- name: save_languages
-- Customers of these chats write in these languages; the chat may be unknown yet. What is known already is not touched.
INSERT INTO chat (account_id, chat, language)
SELECT t.account_id, t.chat, t.language
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t (account_id, chat, language)
LEFT JOIN chat AS h ON h.account_id = t.account_id AND h.chat = t.chat
WHERE h.language IS DISTINCT FROM t.language
ON CONFLICT (account_id, chat) DO UPDATE
SET language = excluded.language;

-- name: save_decisions
-- Why conversations went to whom.
INSERT INTO decision (conversation_id, decide_time, agent_id, strategy, reason, candidates, message_id)
SELECT conversation_id, decide_time, agent_id, strategy, reason, candidates::jsonb, message_id
FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[])
    AS t (conversation_id, decide_time, agent_id, strategy, reason, candidates, message_id);

-- name: save_turns
-- Agents had their turns.
UPDATE agent AS a
SET turn = t.turn
FROM unnest($1::uuid[], $2::bigint[]) AS t (agent_id, turn)
WHERE a.agent_id = t.agent_id;

-- name: load_conversation
-- One conversation of a workspace.
SELECT {columns}
FROM conversation AS c
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
WHERE c.conversation_id = $1 AND c.workspace_id = $2;

-- name: load_owed_by
-- What an agent owes.
SELECT {columns}
FROM conversation AS c
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
WHERE c.workspace_id = $1 AND c.agent_id = $2 AND c.owed_since IS NOT NULL;

-- name: load_pool
-- What waits for an agent and one of these countries or teams could take, the most urgent first, after a rank.
WITH pool AS (
    SELECT
        c.conversation_id,
        CASE WHEN c.window_close_time IS NULL THEN 1 WHEN c.window_close_time > $2 THEN 0 ELSE 2 END AS kind,
        COALESCE((extract(EPOCH FROM c.window_close_time) * 1000000)::bigint, 0) AS window_end,
        -COALESCE(pp.priority, 0) AS behind,
        (extract(EPOCH FROM c.owed_since) * 1000000)::bigint AS since
    FROM conversation AS c
    LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
    WHERE c.workspace_id = $1
        AND c.agent_id IS NULL
        AND c.owed_since IS NOT NULL
        AND ($3::text[] IS NULL OR c.country = '' OR c.country = ANY($3))
        AND ($4::text[] IS NULL OR c.team = '' OR c.team = ANY($4))
),
page AS (
    SELECT conversation_id, kind, window_end, behind, since
    FROM pool
    WHERE (kind, window_end, behind, since, conversation_id) > ($5::int, $6::bigint, $7::int, $8::bigint, $9::uuid)
    ORDER BY kind, window_end, behind, since, conversation_id
    LIMIT $10
)
SELECT
    (
        SELECT COALESCE(k.answer_agent_id, k.agent_id)::text
        FROM conversation AS k
        WHERE k.contact_id = c.contact_id AND COALESCE(k.answer_agent_id, k.agent_id) IS NOT NULL
        ORDER BY k.answer_time DESC NULLS LAST
        LIMIT 1
    ) AS contact_agent_id,
    {columns}
FROM page
JOIN conversation AS c USING (conversation_id)
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
ORDER BY page.kind, page.window_end, page.behind, page.since, c.conversation_id;

-- name: list_owed
-- Owed conversations by urgency (domain/urgency.py), after a rank.
WITH owed AS (
    SELECT
        c.conversation_id,
        CASE WHEN c.window_close_time IS NULL THEN 1 WHEN c.window_close_time > $6 THEN 0 ELSE 2 END AS kind,
        COALESCE((extract(EPOCH FROM c.window_close_time) * 1000000)::bigint, 0) AS window_end,
        -COALESCE(pp.priority, 0) AS behind,
        (extract(EPOCH FROM c.owed_since) * 1000000)::bigint AS since
    FROM conversation AS c
    LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
    WHERE c.workspace_id = $1
        AND c.owed_since IS NOT NULL
        AND ($2::text IS NULL OR c.platform = $2)
        AND ($3::uuid IS NULL OR c.account_id = $3)
        AND ($4::uuid IS NULL OR c.agent_id = $4)
        AND (NOT $5::boolean OR c.agent_id IS NULL)
        AND ($7::uuid IS NULL OR c.agent_id IS NULL OR c.agent_id = $7)
),
page AS (
    SELECT conversation_id, kind, window_end, behind, since
    FROM owed
    WHERE (kind, window_end, behind, since, conversation_id) > ($8::int, $9::bigint, $10::int, $11::bigint, $12::uuid)
    ORDER BY kind, window_end, behind, since, conversation_id
    LIMIT $13
)
SELECT
    COALESCE(NULLIF(h.language, ''), c.language) AS spoken,
    s.seq AS seen_seq,
    {columns}
FROM page
JOIN conversation AS c USING (conversation_id)
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
LEFT JOIN chat AS h ON h.account_id = c.account_id AND h.chat = c.chat
LEFT JOIN seen AS s ON s.conversation_id = c.conversation_id AND s.agent_id = COALESCE($7, c.agent_id)
ORDER BY page.kind, page.window_end, page.behind, page.since, c.conversation_id;

-- name: list_recent
-- Conversations with the newest message first, before a time; $8 chooses owed or not, $9 open or closed.
SELECT
    COALESCE(NULLIF(h.language, ''), c.language) AS spoken,
    s.seq AS seen_seq,
    {columns}
FROM conversation AS c
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
LEFT JOIN chat AS h ON h.account_id = c.account_id AND h.chat = c.chat
LEFT JOIN seen AS s ON s.conversation_id = c.conversation_id AND s.agent_id = COALESCE($7, c.agent_id)
WHERE c.workspace_id = $1
    AND ($2::text IS NULL OR c.platform = $2)
    AND ($3::uuid IS NULL OR c.account_id = $3)
    AND ($4::uuid IS NULL OR c.agent_id = $4)
    AND (NOT $5::boolean OR c.agent_id IS NULL)
    AND c.last_message_hour <= $6
    AND (c.last_message_time, c.conversation_id) < ($6, $10::uuid)
    AND ($7::uuid IS NULL OR c.agent_id IS NULL OR c.agent_id = $7)
    AND ($8::boolean IS NULL OR (c.owed_since IS NOT NULL) = $8)
    AND ($9::boolean IS NULL OR c.closed = $9)
ORDER BY c.last_message_hour DESC, c.last_message_time DESC, c.conversation_id DESC
LIMIT $11;

-- name: count_owed
-- How many are owed under the same filters.
SELECT count(*)
FROM conversation AS c
WHERE c.workspace_id = $1
    AND c.owed_since IS NOT NULL
    AND ($2::text IS NULL OR c.platform = $2)
    AND ($3::uuid IS NULL OR c.account_id = $3)
    AND ($4::uuid IS NULL OR c.agent_id = $4)
    AND (NOT $5::boolean OR c.agent_id IS NULL)
    AND ($6::uuid IS NULL OR c.agent_id IS NULL OR c.agent_id = $6);

-- name: get_view
-- One conversation as it is shown to an agent, or to nobody in particular.
SELECT
    COALESCE(NULLIF(h.language, ''), c.language) AS spoken,
    s.seq AS seen_seq,
    {columns}
FROM conversation AS c
LEFT JOIN platform_priority AS pp ON pp.platform = c.platform
LEFT JOIN chat AS h ON h.account_id = c.account_id AND h.chat = c.chat
LEFT JOIN seen AS s ON s.conversation_id = c.conversation_id AND s.agent_id = COALESCE($3, c.agent_id)
WHERE c.conversation_id = $1 AND c.workspace_id = $2;

-- name: list_chats
-- Chat addresses of a conversation, the newest last.
SELECT chat
FROM chat
WHERE conversation_id = $1
ORDER BY bind_time, chat;

-- name: list_decisions
-- Why a conversation went to whom, oldest first: one that was restored has a higher number than its time says.
SELECT decision_id, decide_time, COALESCE(agent_id::text, '') AS agent_id, strategy, reason, candidates
FROM decision
WHERE conversation_id = $1 AND (decide_time, decision_id) > ($2, $3)
ORDER BY decide_time, decision_id
LIMIT $4;

-- name: find_seq
-- Where a message stands in a conversation.
SELECT seq
FROM conversation_message
WHERE message_id = $1 AND conversation_id = $2;

-- name: list_newer
-- What the customer wrote after a sequence number, oldest first.
SELECT message_id::text
FROM conversation_message
WHERE conversation_id = $1 AND seq > $2 AND inbound AND effective
ORDER BY seq
LIMIT 200;

-- name: find_seen
-- What an agent has seen.
SELECT seq
FROM seen
WHERE conversation_id = $1 AND agent_id = $2;

-- name: save_seen
-- The agent has seen that much; it never gets less. A row where it was less before.
INSERT INTO seen AS s (conversation_id, agent_id, seq)
VALUES ($1, $2, $3)
ON CONFLICT (conversation_id, agent_id) DO UPDATE
SET seq = excluded.seq
WHERE s.seq < excluded.seq
RETURNING true;

-- name: save_own_message
-- A message that an agent has sent stands in its conversation before the platform has accepted it.
INSERT INTO conversation_message (message_id, conversation_id, seq, inbound, effective, echo, occurred_time, effects)
VALUES ($1, $2, $3, false, true, false, $4, '')
ON CONFLICT DO NOTHING;

-- name: filter_contacts
-- Those of the contacts that have a conversation which the agent may see.
SELECT DISTINCT contact_id::text
FROM conversation
WHERE workspace_id = $1 AND contact_id = ANY($3::uuid[]) AND (agent_id IS NULL OR agent_id = $2);

-- name: filter_messages
-- Those of the messages that stand in a conversation which the agent may see.
SELECT m.message_id::text
FROM conversation_message AS m
JOIN conversation AS c USING (conversation_id)
WHERE c.workspace_id = $1 AND m.message_id = ANY($3::uuid[]) AND (c.agent_id IS NULL OR c.agent_id = $2);

-- name: insert_agent
-- A new agent, offline.
INSERT INTO agent (agent_id, workspace_id, display_name, languages, countries, teams, capacity, presence_time, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8);

-- name: update_agent
-- The agent as he is now.
UPDATE agent
SET
    display_name = $3,
    languages = $4,
    countries = $5,
    teams = $6,
    capacity = $7,
    presence = $8,
    presence_time = $9
WHERE agent_id = $1 AND workspace_id = $2;

-- name: list_agents
-- Agents with what they carry, oldest first, after one of them.
SELECT
    a.agent_id::text,
    a.workspace_id::text,
    a.display_name,
    a.languages,
    a.countries,
    a.teams,
    a.capacity,
    a.presence,
    a.presence_time,
    a.create_time,
    a.turn,
    (
        SELECT count(*)
        FROM conversation AS c
        WHERE c.workspace_id = a.workspace_id AND c.agent_id = a.agent_id AND c.owed_since IS NOT NULL
    )::int
FROM agent AS a
WHERE a.workspace_id = $1
    AND ($2::uuid IS NULL OR a.agent_id = $2)
    AND ($3::timestamptz IS NULL OR (a.create_time, a.agent_id) > ($3, $4::uuid))
ORDER BY a.create_time, a.agent_id
LIMIT $5;

-- name: admit_send
-- A send has passed the checks.
INSERT INTO admitted_send (workspace_id, request_id, conversation_id, seen_seq)
VALUES ($1, $2, $3, $4)
ON CONFLICT (workspace_id, request_id) DO UPDATE
SET conversation_id = excluded.conversation_id, seen_seq = excluded.seen_seq, create_time = now();

-- name: find_admitted
-- What was seen when a send passed the checks a short while ago.
SELECT seen_seq
FROM admitted_send
WHERE workspace_id = $1 AND request_id = $2 AND conversation_id = $3 AND create_time > now() - interval '2 minutes';

-- name: revoke_send
-- The send was not made; it is checked again when it is repeated.
DELETE FROM admitted_send
WHERE workspace_id = $1 AND request_id = $2;

-- name: forget_admitted
-- Sends of long ago are not remembered here; their answers are.
DELETE FROM admitted_send
WHERE create_time < now() - interval '1 day';

-- name: find_sent_answer
-- What an earlier call with this request id was told.
SELECT answer
FROM request_answer
WHERE workspace_id = $1 AND method = $2 AND request_id = $3 AND answer IS NOT NULL;

-- name: read_effects
-- What messages did here, for their journeys.
SELECT message_id::text, effects, apply_time
FROM conversation_message
WHERE message_id = ANY($1::uuid[]);

-- name: find_lost_windows
-- Some owed conversations on which the reply window closed before a time, and that is not told.
SELECT workspace_id::text, conversation_id::text
FROM conversation
WHERE owed_since IS NOT NULL AND NOT window_lost AND window_close_time <= $1 AND window_close_time > owed_since
ORDER BY workspace_id, conversation_id
LIMIT $2;

-- name: begin_focus
-- Who had nothing in the foreground has this.
INSERT INTO focus (agent_id, workspace_id, conversation_id, start_time, beat_time)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (agent_id) DO NOTHING
RETURNING true;

-- name: lock_focus
-- What an agent has in the foreground, in the order of domain.Focus's fields; nobody else changes it.
SELECT conversation_id::text, start_time, beat_time, wrap_up
FROM focus
WHERE agent_id = $1
FOR UPDATE;

-- name: save_focus
-- What an agent has in the foreground.
UPDATE focus
SET conversation_id = $2, start_time = $3, beat_time = $4, wrap_up = $5
WHERE agent_id = $1;

-- name: end_focus
-- The agent has nothing in the foreground.
DELETE FROM focus
WHERE agent_id = $1;

-- name: find_idle
-- Agents of whose screens nothing was heard since a time.
SELECT agent_id::text, workspace_id::text
FROM focus
WHERE beat_time < $1
ORDER BY agent_id
LIMIT 200;
-- name: insert_forgetting
-- Channel users were forgotten: their conversations are to be emptied.
INSERT INTO forgetting (channel_user_id, workspace_id, erase_time)
SELECT channel_user_id, workspace_id, erase_time
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS t (channel_user_id, workspace_id, erase_time)
ON CONFLICT DO NOTHING;

-- name: find_forgetting
-- The channel user who is due next.
SELECT channel_user_id::text, workspace_id::text, erase_time, passes
FROM forgetting
WHERE due_time <= now()
ORDER BY due_time
LIMIT 1;

-- name: postpone_forgetting
-- He is looked at again after some seconds.
UPDATE forgetting
SET passes = $2, due_time = now() + make_interval(secs => $3)
WHERE channel_user_id = $1;

-- name: end_forgetting
-- Nothing of his comes any more.
DELETE FROM forgetting WHERE channel_user_id = $1;

-- name: list_conversations_to_empty
-- Conversations of a channel user in which something of his is left.
SELECT conversation_id::text, account_id::text
FROM conversation
WHERE channel_user_id = $1 AND (NOT starts_with(chat, $2) OR last_message_text <> '')
ORDER BY conversation_id;

-- name: list_messages_of
-- Messages of a conversation, and since when there are any.
SELECT message_id::text, min(apply_time) OVER () AS since
FROM conversation_message
WHERE conversation_id = $1
ORDER BY message_id;

-- name: empty_conversation
-- Nothing personal is left of a conversation; its messages are found under another address, which is nobody's.
WITH emptied AS (
    UPDATE conversation
    SET chat = $2, display_name = '', last_message_text = ''
    WHERE conversation_id = $1
    RETURNING account_id
), old AS (
    DELETE FROM chat WHERE conversation_id = $1 AND chat <> $2 RETURNING account_id, chat
), awaiting AS (
    DELETE FROM waiting_event AS w USING old WHERE w.account_id = old.account_id AND w.chat = old.chat
)
INSERT INTO chat (account_id, chat, conversation_id)
SELECT account_id, $2, $1 FROM emptied
ON CONFLICT (account_id, chat) DO NOTHING;
