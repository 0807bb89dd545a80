-- name: insert_messages
-- Messages that are new by the platform's id, each with the facts that waited for it. Echoes are ours, and accepted
-- when they were written.
WITH new AS (
    INSERT INTO message (
        message_id, workspace_id, account_id, chat, platform_message_id, direction, kind, text, attachments, author_kind,
        provider_time, occurred_time, received_time, reply_to, webhook_id, id_scope, delivery, accept_time, parts,
        parts_done, generation, attempts
    )
    SELECT
        message_id, workspace_id, account_id, chat, platform_message_id, CASE WHEN echo THEN 2 ELSE 1 END, kind, text,
        attachments, CASE WHEN echo THEN 'agent' ELSE 'contact' END, provider_time, occurred_time, received_time,
        reply_to, webhook_id, id_scope, CASE WHEN echo THEN 3 END, CASE WHEN echo THEN occurred_time END,
        CASE WHEN echo THEN 1 END, CASE WHEN echo THEN 1 END, CASE WHEN echo THEN 0 END, CASE WHEN echo THEN 1 END
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bool[], $7::smallint[], $8::text[], $9::jsonb[],
        $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::uuid[], $15::text[]
    ) AS t (
        message_id, workspace_id, account_id, chat, platform_message_id, echo, kind, text, attachments, provider_time,
        occurred_time, received_time, reply_to, webhook_id, id_scope
    )
    ON CONFLICT DO NOTHING
    RETURNING message_id, account_id, platform_message_id, chat
), came AS (
    DELETE FROM waiting_fact AS w
    USING new
    WHERE w.account_id = new.account_id
        AND w.platform_message_id = new.platform_message_id
        AND w.chat IN ('', new.chat)
    RETURNING new.message_id, w.fact, w.create_time
)
SELECT new.message_id::text, array_agg(came.fact ORDER BY came.create_time) FILTER (WHERE came.fact IS NOT NULL) AS facts
FROM new
LEFT JOIN came USING (message_id)
GROUP BY new.message_id;

-- name: find_chats
-- Of all addresses of a customer, the chat in which he wrote last.
SELECT DISTINCT ON (asked.n) asked.n, last.chat
FROM unnest($1::int[], $2::uuid[], $3::text[]) AS asked (n, account_id, chat)
CROSS JOIN LATERAL (
    SELECT m.chat, m.occurred_time
    FROM message AS m
    WHERE m.account_id = asked.account_id AND m.chat = asked.chat AND m.direction = 1
    ORDER BY m.occurred_time DESC
    LIMIT 1
) AS last
ORDER BY asked.n, last.occurred_time DESC;

-- name: find_own_messages
-- Those of the messages that one webhook brought itself, when it was taken in before.
SELECT message_id::text
FROM message
WHERE message_id = ANY ($1::uuid[]) AND webhook_id = $2;

-- name: insert_raw_and_write_batch
-- Raw webhooks with their verdicts; one that is there already stays as it is. Then the transaction's batch
-- (lobby_common, events/queries.sql).
WITH raw AS (
    INSERT INTO raw_webhook (
        webhook_id, workspace_id, account_id, body, received_time, traceparent, state, reason, n_said, n_new,
        n_duplicate, n_ignored, n_problems, rules, retry_time
    )
    SELECT
        webhook_id, workspace_id, account_id, body, received_time, traceparent, state, reason, n_said, n_new,
        n_duplicate, n_ignored, n_problems, string_to_array(rules, ','), CASE WHEN state = 'pending' THEN now() END
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::int[], $10::int[], $11::int[], $12::int[], $13::int[], $14::text[]
    ) AS t (
        webhook_id, workspace_id, account_id, body, received_time, traceparent, state, reason, n_said, n_new,
        n_duplicate, n_ignored, n_problems, rules
    )
    ON CONFLICT (webhook_id) DO NOTHING
)
SELECT firsts, batch_id, at
FROM write_batch($15::int[], $16::int[], $17::bytea[]);

-- name: find_targets
-- The messages that facts speak of, by the platform's id, by that of a further part, or by ours; locked in one order.
WITH asked AS (
    SELECT n, account_id, platform_message_id, chat, opaque
    FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::uuid[])
        AS t (n, account_id, platform_message_id, chat, opaque)
), hit AS (
    SELECT asked.n, m.message_id, 0 AS part, m.generation
    FROM asked
    JOIN message AS m USING (account_id, platform_message_id)
    WHERE asked.chat IN ('', m.chat) AND asked.platform_message_id <> ''
    UNION ALL
    SELECT asked.n, p.message_id, p.part, p.generation
    FROM asked
    JOIN message_part AS p USING (account_id, platform_message_id)
    UNION ALL
    SELECT asked.n, m.message_id, NULL, NULL
    FROM asked
    JOIN message AS m ON m.message_id = asked.opaque AND m.account_id = asked.account_id AND m.direction = 2
)
SELECT
    hit.n, hit.part, hit.generation AS part_generation, m.message_id::text, m.workspace_id::text, m.account_id::text,
    m.chat, m.platform_message_id, m.direction, m.kind, m.text, m.author_kind, m.author_id, m.edit_time, m.delete_time,
    m.reactions, m.reaction_time, m.delivery, m.conversation_id, m.seen_seq, m.error, m.accept_time, m.parts, m.parts_done,
    m.generation, m.attempts, m.due_time, m.traceparent
FROM hit
JOIN message AS m USING (message_id)
ORDER BY m.message_id
FOR NO KEY UPDATE OF m;

-- name: update_messages
-- What facts made of messages.
UPDATE message AS m
SET text = CASE WHEN m.erase_time IS NULL THEN t.text ELSE '' END,
    attachments = CASE WHEN t.delete_time IS NULL THEN m.attachments END,
    source_text = CASE WHEN t.delete_time IS NULL THEN m.source_text END,
    edit_time = t.edit_time,
    delete_time = t.delete_time,
    reactions = t.reactions,
    reaction_time = t.reaction_time,
    platform_message_id = CASE WHEN m.erase_time IS NULL THEN t.platform_message_id ELSE m.platform_message_id END,
    delivery = t.delivery,
    error = t.error,
    accept_time = t.accept_time,
    delivery_time = t.delivery_time,
    parts_done = t.parts_done,
    attempts = t.attempts,
    due_time = t.due_time,
    generation = t.generation,
    told_times = CASE WHEN cardinality(m.told_times) < 100 THEN m.told_times || now() ELSE m.told_times END
FROM unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[], $6::timestamptz[], $7::text[],
    $8::smallint[], $9::jsonb[], $10::timestamptz[], $11::timestamptz[], $12::smallint[], $13::smallint[],
    $14::timestamptz[], $15::smallint[]
) AS t (
    message_id, text, edit_time, delete_time, reactions, reaction_time, platform_message_id, delivery, error, accept_time,
    delivery_time, parts_done, attempts, due_time, generation
)
WHERE m.message_id = t.message_id;

-- name: insert_parts
-- The platform's ids of further parts.
INSERT INTO message_part (account_id, platform_message_id, message_id, part, generation)
SELECT account_id, platform_message_id, message_id, part, generation
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[], $5::smallint[])
    AS t (account_id, platform_message_id, message_id, part, generation)
ON CONFLICT DO NOTHING;

-- name: insert_waiting
-- Facts that came before their message.
INSERT INTO waiting_fact (fact_id, account_id, platform_message_id, chat, fact)
SELECT fact_id, account_id, platform_message_id, chat, fact
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])
    AS t (fact_id, account_id, platform_message_id, chat, fact)
ON CONFLICT DO NOTHING
RETURNING fact_id::text;

-- name: take_waiting
-- Facts whose message is there by now: the two had met in transactions that did not see each other.
DELETE FROM waiting_fact
WHERE fact_id IN (
    SELECT w.fact_id
    FROM waiting_fact AS w
    WHERE w.create_time > now() - $2::interval
        AND (
            EXISTS (
                SELECT FROM message AS m
                WHERE m.account_id = w.account_id
                    AND m.platform_message_id = w.platform_message_id
                    AND w.chat IN ('', m.chat)
            ) OR EXISTS (
                SELECT FROM message_part AS p
                WHERE p.account_id = w.account_id AND p.platform_message_id = w.platform_message_id
            )
        )
    ORDER BY w.create_time
    LIMIT $1
    FOR UPDATE OF w SKIP LOCKED
)
RETURNING fact;

-- name: forget_waiting
-- Facts whose message never came, and marks of facts told long ago.
WITH old AS (
    DELETE FROM told_fact WHERE create_time < now() - interval '90 days'
)
DELETE FROM waiting_fact WHERE create_time < now() - interval '30 days';

-- name: insert_told
-- Marks facts without a row of their own as told; returns those that were not.
INSERT INTO told_fact (fact_id, account_id)
SELECT fact_id, account_id
FROM unnest($1::uuid[], $2::uuid[]) AS t (fact_id, account_id)
ON CONFLICT DO NOTHING
RETURNING fact_id::text;

-- name: take_pending
-- Raw webhooks to be parsed, oldest first; the row stays locked until its verdict is written.
SELECT
    webhook_id::text, workspace_id::text, account_id::text, body, received_time, traceparent, state, reason, attempts
FROM raw_webhook
WHERE state = 'pending' AND retry_time <= now()
ORDER BY retry_time
LIMIT $1
FOR UPDATE SKIP LOCKED;

-- name: lock_raw
-- One raw webhook of a workspace.
SELECT
    webhook_id::text, workspace_id::text, account_id::text, body, received_time, traceparent, state, reason, attempts
FROM raw_webhook
WHERE webhook_id = $1 AND workspace_id = $2 AND state <> 'parsed'
FOR UPDATE;

-- name: find_raw
-- One raw webhook of a workspace as it is now; of a long body its beginning.
SELECT webhook_id::text, account_id::text, substring(body FOR 1048576) AS body, received_time, state, reason
FROM raw_webhook
WHERE webhook_id = $1 AND workspace_id = $2;

-- name: list_acceptances
-- What became of what the webhooks of a period said, per account; from the index alone.
WITH heard AS (
    SELECT
        account_id,
        rules,
        sum(coalesce(n_said, n_new + n_duplicate + n_ignored + n_problems)) AS accepted,
        sum(n_new) AS new,
        sum(n_duplicate) AS duplicate,
        sum(n_ignored) AS ignored,
        sum(n_problems) AS quarantined
    FROM raw_webhook
    WHERE workspace_id = $1 AND received_time >= $2 AND received_time < $3
    GROUP BY account_id, rules
)
SELECT
    h.account_id::text,
    sum(h.accepted)::bigint AS accepted,
    sum(h.new)::bigint AS new,
    sum(h.duplicate)::bigint AS duplicate,
    sum(h.ignored)::bigint AS ignored,
    sum(h.quarantined)::bigint AS quarantined,
    ARRAY(
        SELECT DISTINCT rule
        FROM heard AS o
        CROSS JOIN unnest(o.rules) AS rule
        WHERE o.account_id = h.account_id AND rule <> ''
        ORDER BY rule
    ) AS ignored_by
FROM heard AS h
GROUP BY h.account_id
ORDER BY h.account_id;

-- name: find_messageless
-- Which of the messages are not there.
SELECT message_id::text
FROM unnest($1::uuid[]) AS asked (message_id)
WHERE NOT EXISTS (SELECT FROM message WHERE message.message_id = asked.message_id);

-- name: parse_again
-- Webhooks that were parsed wait to be parsed again.
UPDATE raw_webhook
SET state = 'pending', retry_time = now()
WHERE webhook_id = ANY ($1::uuid[]) AND state = 'parsed' AND body_digest IS NULL;

-- name: write_verdict
-- What parsing made of a raw webhook.
UPDATE raw_webhook
SET state = $2,
    reason = $3,
    n_said = $4,
    n_new = $5,
    n_duplicate = $6,
    n_ignored = $7,
    n_problems = $8,
    rules = string_to_array($9, ','),
    retry_time = NULL
WHERE webhook_id = $1;

-- name: postpone_raw
-- A raw webhook that could not be stored is tried again later, or rests in quarantine after too many tries.
UPDATE raw_webhook
SET attempts = attempts + 1,
    reason = $2,
    state = CASE WHEN attempts + 1 >= $3 THEN 'quarantined' ELSE 'pending' END,
    retry_time = CASE WHEN attempts + 1 < $3 THEN now() + make_interval(secs => 2 ^ least(attempts, 8)) END
WHERE webhook_id = $1 AND state = 'pending'
RETURNING state;

-- name: list_quarantine
-- What is not parsed in a workspace, newest first; of a long body its beginning.
SELECT webhook_id::text, account_id::text, substring(body FOR 262144) AS body, received_time, state, reason
FROM raw_webhook
WHERE workspace_id = $1
    AND state <> 'parsed'
    AND ($2::uuid IS NULL OR account_id = $2)
    AND ($3::uuid IS NULL OR webhook_id < $3)
ORDER BY webhook_id DESC
LIMIT $4;

-- name: read_accounts
-- Accounts changed since a time, deleted ones too.
SELECT
    account_id::text, workspace_id::text, platform, display_name, credentials, former_secrets, api_base_url, settings,
    address, owner, numbers, state, state_reason, state_time, told_time, create_time, update_time, delete_time
FROM account
WHERE update_time >= $1;

-- name: find_accounts
-- Accounts by id.
SELECT
    account_id::text, workspace_id::text, platform, display_name, credentials, former_secrets, api_base_url, settings,
    address, owner, numbers, state, state_reason, state_time, told_time, create_time, update_time, delete_time
FROM account
WHERE account_id = ANY ($1::uuid[]);

-- name: lock_account
-- One account of a workspace, to be changed.
SELECT
    account_id::text, workspace_id::text, platform, display_name, credentials, former_secrets, api_base_url, settings,
    address, owner, numbers, state, state_reason, state_time, told_time, create_time, update_time, delete_time
FROM account
WHERE account_id = $1 AND workspace_id = $2 AND delete_time IS NULL
FOR UPDATE;

-- name: list_accounts
-- A workspace's accounts, oldest first.
SELECT
    account_id::text, workspace_id::text, platform, display_name, credentials, former_secrets, api_base_url, settings,
    address, owner, numbers, state, state_reason, state_time, told_time, create_time, update_time, delete_time
FROM account
WHERE workspace_id = $1 AND delete_time IS NULL AND (create_time, account_id) > ($2::timestamptz, $3::uuid)
ORDER BY create_time, account_id
LIMIT $4;

-- name: insert_account
-- A new account.
INSERT INTO account (
    account_id, workspace_id, platform, display_name, credentials, api_base_url, settings, address, owner, state,
    state_time, create_time, update_time, webhook_due_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), now(), clock_timestamp(), CASE WHEN $11 THEN now() END)
RETURNING create_time;

-- name: update_account
-- An account's fields after a change by its workspace.
UPDATE account
SET display_name = $2,
    credentials = $3,
    api_base_url = $4,
    settings = $5,
    address = $6,
    owner = $7,
    state = $8,
    state_reason = $9,
    state_time = CASE WHEN state = $8 AND state_reason = $9 THEN state_time ELSE now() END,
    webhook_due_time = CASE WHEN $10 THEN now() ELSE webhook_due_time END,
    webhook_attempts = CASE WHEN $10 THEN 0 ELSE webhook_attempts END,
    former_secrets = $11,
    update_time = clock_timestamp()
WHERE account_id = $1;

-- name: delete_account
-- An account is gone; its row stays for what it brought.
UPDATE account
SET delete_time = now(), update_time = clock_timestamp(), webhook_due_time = NULL
WHERE account_id = $1 AND workspace_id = $2 AND delete_time IS NULL
RETURNING true;

-- name: move_state
-- An account's state, if it is still one of those from which it may move.
UPDATE account
SET state = $2,
    state_reason = $3,
    state_time = now(),
    told_time = greatest(told_time, $4),
    update_time = clock_timestamp()
WHERE account_id = $1
    AND delete_time IS NULL
    AND state = ANY ($5::smallint[])
    AND (state <> $2 OR state_reason <> $3)
    AND ($4::timestamptz IS NULL OR told_time IS NULL OR told_time <= $4)
RETURNING account_id::text, workspace_id::text, platform, state_time;

-- name: learn_numbers
-- Phone digits of an account itself.
UPDATE account
SET numbers = numbers || $2::text[], update_time = clock_timestamp()
WHERE account_id = $1 AND NOT numbers @> $2::text[] AND cardinality(numbers) < 20;

-- name: take_webhooks_due
-- Accounts whose platform has to be told where to post; each is looked at again after a while, whatever happens now.
UPDATE account
SET webhook_attempts = webhook_attempts + 1,
    webhook_due_time = now() + make_interval(secs => least(5 * 2 ^ least(webhook_attempts, 10), 600))
WHERE account_id IN (
    SELECT account_id
    FROM account
    WHERE webhook_due_time <= now() AND delete_time IS NULL
    ORDER BY webhook_due_time
    LIMIT 20
    FOR UPDATE SKIP LOCKED
)
RETURNING account_id::text;

-- name: webhook_set
-- The platform knows where to post.
UPDATE account SET webhook_due_time = NULL WHERE account_id = $1;

-- name: has_chat
-- Whether a chat was ever heard of.
SELECT EXISTS (SELECT FROM message WHERE account_id = $1 AND chat = $2);

-- name: insert_send
-- A message to send; nothing where it is there already. It waits until the customer's window of $16 hours closes; a day
-- where there is none, or where it is closed as far as we know: then the platform has the word.
INSERT INTO message (
    message_id, workspace_id, account_id, chat, platform_message_id, direction, kind, text, attachments, author_kind,
    author_id, occurred_time, received_time, traceparent, delivery, conversation_id, seen_seq, source_text, language,
    send_order, parts, parts_done, generation, attempts, due_time, expire_time
)
VALUES (
    $1, $2, $3, $4, '', 2, $5, $6, $7, 'agent', $8, $9, $9, $10, 1, $11, $12, $13, $14, nextval('send_order'), $15, 0, 0, 0,
    now(),
    coalesce(
        (
            SELECT q.occurred_time + make_interval(hours => $16)
            FROM message AS q
            WHERE q.account_id = $3 AND q.chat = $4 AND q.direction = 1
                AND q.occurred_time > now() - make_interval(hours => $16)
            ORDER BY q.occurred_time DESC
            LIMIT 1
        ),
        now() + interval '24 hours'
    )
)
ON CONFLICT (message_id) DO NOTHING
RETURNING true;

-- name: extend_send
-- A message waits anew, by the rule of insert_send.
UPDATE message AS m
SET expire_time = coalesce(
    (
        SELECT q.occurred_time + make_interval(hours => $2)
        FROM message AS q
        WHERE q.account_id = m.account_id AND q.chat = m.chat AND q.direction = 1
            AND q.occurred_time > now() - make_interval(hours => $2)
        ORDER BY q.occurred_time DESC
        LIMIT 1
    ),
    now() + interval '24 hours'
)
WHERE m.message_id = $1;

-- name: find_window
-- When the window of $3 hours that the customer's last message opened closes; nothing where it is closed.
SELECT occurred_time + make_interval(hours => $3)
FROM message
WHERE account_id = $1 AND chat = $2 AND direction = 1 AND occurred_time > now() - make_interval(hours => $3)
ORDER BY occurred_time DESC
LIMIT 1;

-- name: keep_waiting
-- A message may wait longer.
UPDATE message SET expire_time = $2 WHERE message_id = $1;

-- name: find_expired
-- Queued messages that waited as long as they may.
SELECT message_id::text FROM message WHERE delivery = 1 AND expire_time <= now() LIMIT 500;

-- name: claim_sends
-- The heads of chats' queues that may go now are committed as `sending` before the call, and paid for at their gates.
--
-- GCRA without a counter: free_time is when the next call may go, and never lies further back than `burst - 1` steps, so
-- the time since then in steps is how many may go at once. The clock is the database's. A gate whose row another process
-- holds is passed over, and so is one that was claimed at since this statement began (`claims` moved): its heads are not
-- what they seem. A message of several requests goes whole and is paid for whole.
WITH RECURSIVE queued AS (
    (SELECT account_id FROM message WHERE delivery = 1 ORDER BY account_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT m.account_id
        FROM message AS m
        WHERE m.delivery = 1 AND m.account_id > queued.account_id
        ORDER BY m.account_id
        LIMIT 1
    )
    FROM queued
    WHERE queued.account_id IS NOT NULL
), paced AS (
    SELECT
        a.account_id, coalesce(own.step, p.step) * interval '1 second' AS step, coalesce(own.burst, p.burst) AS burst,
        p.chat_step * interval '1 second' AS chat_step, p.chat_burst, $13::int - coalesce(busy.calls, 0) AS room
    FROM queued
    JOIN account AS a USING (account_id)
    JOIN unnest($3::text[], $4::float8[], $5::int[], $6::float8[], $7::int[])
        AS p (platform, step, burst, chat_step, chat_burst) USING (platform)
    LEFT JOIN unnest($8::uuid[], $9::float8[], $10::int[]) AS own (account_id, step, burst) USING (account_id)
    LEFT JOIN unnest($11::uuid[], $12::int[]) AS busy (account_id, calls) USING (account_id)
    WHERE $13::int > coalesce(busy.calls, 0)
), opened AS (
    INSERT INTO account_gate (account_id)
    SELECT account_id
    FROM paced
    WHERE NOT EXISTS (SELECT FROM account_gate AS g WHERE g.account_id = paced.account_id)
    ORDER BY account_id
    ON CONFLICT DO NOTHING
), held AS (
    SELECT account_id, claims, free_time, shut, (shut OR refusals > 0 OR window_time IS NOT NULL) AS watched
    FROM account_gate
    WHERE account_id IN (SELECT account_id FROM paced) AND free_time <= statement_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED
), gate AS (
    SELECT
        held.account_id, held.shut, held.watched, p.step, p.burst, p.chat_step, p.chat_burst, p.room, since.free_time,
        CASE
            WHEN held.shut THEN 1
            ELSE 1 + floor(extract(epoch FROM statement_timestamp() - since.free_time) / extract(epoch FROM p.step))::int
        END AS tokens
    FROM held
    JOIN account_gate AS seen USING (account_id, claims)
    JOIN paced AS p USING (account_id)
    CROSS JOIN LATERAL (
        SELECT greatest(held.free_time, statement_timestamp() - (p.burst - 1) * p.step) AS free_time
    ) AS since
), head AS (
    SELECT
        gate.account_id, h.message_id, h.chat, h.send_order, h.requests,
        greatest(h.free_time, statement_timestamp() - (gate.chat_burst - 1) * gate.chat_step)
            + h.requests * gate.chat_step AS chat_free_time,
        gate.tokens - sum(h.requests) OVER sooner + h.requests AS tokens,
        row_number() OVER sooner AS turn
    FROM gate
    CROSS JOIN LATERAL (
        SELECT m.message_id, m.chat, m.send_order, m.parts - m.parts_done AS requests, c.free_time
        FROM message AS m
        LEFT JOIN chat_gate AS c USING (account_id, chat)
        WHERE m.account_id = gate.account_id
            AND m.delivery = 1
            AND m.due_time <= statement_timestamp()
            AND coalesce(c.free_time <= statement_timestamp(), true)
            AND m.message_id = (
                SELECT first.message_id
                FROM message AS first
                WHERE first.account_id = m.account_id AND first.chat = m.chat AND first.delivery IN (1, 2)
                ORDER BY first.delivery DESC, first.send_order
                LIMIT 1
            )
        ORDER BY m.send_order
        LIMIT least(gate.tokens, gate.room)
        FOR NO KEY UPDATE OF m SKIP LOCKED
    ) AS h
    WINDOW sooner AS (PARTITION BY gate.account_id ORDER BY h.send_order)
), chosen AS (
    SELECT account_id, message_id, chat, requests, chat_free_time
    FROM head
    WHERE tokens > 0
    ORDER BY turn, send_order
    LIMIT $2
), paid AS (
    UPDATE account_gate AS g
    SET claims = g.claims + 1,
        free_time = CASE
            WHEN g.shut THEN statement_timestamp() + interval '10 seconds'
            ELSE gate.free_time + c.requests * gate.step
        END
    FROM (SELECT account_id, sum(requests) AS requests FROM chosen GROUP BY account_id) AS c
    JOIN gate USING (account_id)
    WHERE g.account_id = c.account_id
    RETURNING g.account_id, g.claims, gate.shut, gate.watched
), paid_chats AS (
    INSERT INTO chat_gate (account_id, chat, free_time)
    SELECT account_id, chat, chat_free_time
    FROM chosen
    WHERE chat_free_time IS NOT NULL
    ON CONFLICT (account_id, chat) DO UPDATE
    SET free_time = greatest(chat_gate.free_time, EXCLUDED.free_time)
)
UPDATE message AS m
SET delivery = 2,
    attempts = m.attempts + 1,
    sender = $1,
    claim = paid.claims,
    claim_time = statement_timestamp(),
    due_time = NULL,
    told_times = CASE WHEN cardinality(m.told_times) < 100 THEN m.told_times || now() ELSE m.told_times END
FROM chosen
JOIN paid USING (account_id)
WHERE m.message_id = chosen.message_id
RETURNING
    m.message_id::text, m.workspace_id::text, m.account_id::text, m.chat, m.kind, m.text, m.attachments, m.author_id,
    m.conversation_id, m.seen_seq, m.delivery, m.error, m.accept_time, m.parts, m.parts_done, m.generation, m.attempts,
    m.due_time, m.traceparent, m.platform_message_id, m.claim, paid.shut, paid.watched;

-- name: next_due
-- Seconds until a queued message may go, apart from accounts that have no room; none or less: now, but for whoever holds
-- its gate. Those whose chat is under way go when that ends.
WITH RECURSIVE queued AS (
    (SELECT account_id FROM message WHERE delivery = 1 ORDER BY account_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT m.account_id
        FROM message AS m
        WHERE m.delivery = 1 AND m.account_id > queued.account_id
        ORDER BY m.account_id
        LIMIT 1
    )
    FROM queued
    WHERE queued.account_id IS NOT NULL
)
SELECT extract(epoch FROM min(next.free_time) - statement_timestamp())::float8
FROM queued
LEFT JOIN account_gate AS g USING (account_id)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN g.free_time > statement_timestamp() THEN g.free_time
        ELSE (
            SELECT min(greatest(first.due_time, c.free_time))
            FROM (
                SELECT DISTINCT ON (m.chat) m.account_id, m.chat, m.delivery, m.due_time
                FROM message AS m
                WHERE m.account_id = queued.account_id AND m.delivery IN (1, 2)
                ORDER BY m.chat, m.delivery DESC, m.send_order
            ) AS first
            LEFT JOIN chat_gate AS c USING (account_id, chat)
            WHERE first.delivery = 1
        )
    END AS free_time
) AS next
WHERE queued.account_id <> ALL ($1::uuid[]);

-- name: lock_gate
-- An account's breaker, to be changed.
SELECT shut, window_time, calls, failures, refusals, statement_timestamp() AS at
FROM account_gate
WHERE account_id = $1
FOR NO KEY UPDATE;

-- name: write_gate
-- An account's breaker; it opens for ten seconds, and closes at once.
UPDATE account_gate
SET free_time = CASE
        WHEN $2 AND NOT shut THEN greatest(free_time, statement_timestamp() + interval '10 seconds')
        WHEN shut AND NOT $2 THEN statement_timestamp()
        ELSE free_time
    END,
    shut = $2,
    window_time = $3,
    calls = $4,
    failures = $5,
    refusals = $6
WHERE account_id = $1;

-- name: pause_account
-- No process calls the account for so many seconds, and after them it begins with one call.
UPDATE account_gate
SET free_time = greatest(free_time, statement_timestamp() + make_interval(secs => $2))
WHERE account_id = $1;

-- name: pause_chat
-- No process writes to the chat for so many seconds.
INSERT INTO chat_gate AS g (account_id, chat, free_time)
VALUES ($1, $2, statement_timestamp() + make_interval(secs => $3))
ON CONFLICT (account_id, chat) DO UPDATE
SET free_time = greatest(g.free_time, EXCLUDED.free_time);

-- name: free_account
-- An account begins anew: its gate is open, and what waited for another try goes now.
WITH gate AS (
    UPDATE account_gate
    SET free_time = statement_timestamp(), shut = false, window_time = NULL, calls = 0, failures = 0, refusals = 0
    WHERE account_id = $1
)
UPDATE message
SET due_time = now()
WHERE account_id = $1 AND delivery = 1 AND due_time > now();

-- name: forget_gates
-- Gates of chats that say nothing any more.
DELETE FROM chat_gate WHERE free_time < now() - interval '1 hour';

-- name: find_orphans
-- Messages whose process died during the call, for its advisory lock is free; and those under way for so long that it
-- must stand still.
SELECT m.message_id::text, m.account_id::text, m.claim
FROM message AS m
WHERE m.delivery = 2
    AND (
        m.sender IS NULL
        OR m.claim_time < statement_timestamp() - make_interval(secs => $2)
        OR NOT EXISTS (
            SELECT
            FROM pg_locks AS l
            WHERE l.locktype = 'advisory'
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.classid::bigint = $1
                AND l.objid::bigint = m.sender
                AND l.objsubid = 2
        )
    )
LIMIT 500;

-- name: go_on
-- A claim begins anew with the message's next request.
UPDATE message SET claim_time = statement_timestamp() WHERE message_id = $1;

-- name: lock_message
-- One message of a workspace, to be changed.
SELECT
    m.message_id::text, m.workspace_id::text, m.account_id::text, m.chat, m.platform_message_id, m.direction, m.kind,
    m.text, m.author_kind, m.author_id, m.edit_time, m.delete_time, m.reactions, m.reaction_time, m.delivery,
    m.conversation_id, m.seen_seq, m.error, m.accept_time, m.parts, m.parts_done, m.generation, m.attempts, m.due_time,
    m.traceparent, NULL::int AS part, NULL::smallint AS part_generation, m.claim, m.expire_time,
    clock_timestamp() AS lock_time
FROM message AS m
WHERE m.message_id = $1 AND ($2::uuid IS NULL OR m.workspace_id = $2)
FOR NO KEY UPDATE;

-- name: list_messages
-- Messages of some chats after a point, oldest first; those of the same moment as they came in.
SELECT
    message_id::text, platform_message_id, account_id::text, direction, kind, text, attachments, author_kind, author_id,
    provider_time, occurred_time, received_time, reply_to, edit_time, delete_time, reactions, delivery, error, source_text,
    language
FROM message
WHERE workspace_id = $1
    AND account_id = $2
    AND chat = ANY ($3::text[])
    AND (occurred_time, received_time, message_id) > ($4::timestamptz, $5::timestamptz, $6::uuid)
ORDER BY occurred_time, received_time, message_id
LIMIT $7;

-- name: find_messages
-- Messages of a workspace by id.
SELECT
    message_id::text, platform_message_id, account_id::text, direction, kind, text, attachments, author_kind, author_id,
    provider_time, occurred_time, received_time, reply_to, edit_time, delete_time, reactions, delivery, error, source_text,
    language
FROM message
WHERE workspace_id = $1 AND message_id = ANY ($2::uuid[]);

-- name: find_journey
-- What connectors knows of one message's way.
SELECT
    m.direction, m.webhook_id::text, coalesce(r.traceparent, m.traceparent) AS traceparent, m.store_time, m.told_times,
    r.received_time AS webhook_received_time
FROM message AS m
LEFT JOIN raw_webhook AS r USING (webhook_id)
WHERE m.message_id = $1;

-- name: take_profiles
-- Customers whose profiles are due; each is looked at again after a while, whatever happens now.
UPDATE profile
SET attempts = attempts + 1, due_time = now() + make_interval(secs => least(10 * 4 ^ least(attempts, 6), 86400))
WHERE (account_id, chat) IN (
    SELECT account_id, chat
    FROM profile
    WHERE due_time <= now()
    ORDER BY due_time
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
RETURNING account_id::text, workspace_id::text, chat, display_name, locale, avatar_hash, attempts;

-- name: want_profiles
-- Customers who wrote: new ones are asked for at once, known ones again after a week.
INSERT INTO profile (account_id, chat, workspace_id, due_time)
SELECT account_id, chat, workspace_id, now()
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (account_id, chat, workspace_id)
ON CONFLICT (account_id, chat) DO UPDATE
SET due_time = now(), attempts = 0
WHERE profile.due_time IS NULL AND profile.fetch_time < now() - interval '7 days';

-- name: write_profile
-- A customer's name, language and picture as the platform told them; nothing comes back where he was forgotten.
UPDATE profile
SET display_name = $3, locale = $4, avatar_hash = $5, fetch_time = now(), due_time = NULL
WHERE account_id = $1 AND chat = $2
RETURNING true;
