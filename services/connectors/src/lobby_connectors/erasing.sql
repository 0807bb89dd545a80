-- name: lock_messages_to_erase
-- Messages of an account that are somebody's who is to be forgotten, and of which something is left.
SELECT message_id::text, chat, platform_message_id, delivery, received_time, webhook_id::text
FROM message
WHERE workspace_id = $1 AND account_id = $2 AND message_id = ANY ($3::uuid[]) AND erase_time IS NULL
ORDER BY message_id
FOR NO KEY UPDATE;

-- name: list_part_ids
-- The platform's ids of further parts of messages.
SELECT platform_message_id FROM message_part WHERE message_id = ANY ($1::uuid[]);

-- name: erase_messages
-- Nothing personal is left of the messages. One that waits to be sent is not sent.
WITH parts AS (
    DELETE FROM message_part WHERE message_id = ANY ($1::uuid[])
)
UPDATE message
SET chat = $2,
    platform_message_id = 'erased/' || message_id,
    id_scope = message_id::text,
    text = '',
    attachments = NULL,
    source_text = NULL,
    reply_to = '',
    reactions = NULL,
    delivery = CASE delivery WHEN 1 THEN 6 ELSE delivery END,
    error = CASE delivery WHEN 1 THEN '{"reason": "REJECTED", "detail": "the contact was erased"}' ELSE error END,
    due_time = NULL,
    erase_time = now()
WHERE message_id = ANY ($1::uuid[]);

-- name: erase_chats
-- What else is kept of chats goes; what somebody who wrote from there later has is made anew.
WITH facts AS (
    DELETE FROM waiting_fact WHERE account_id = $1 AND chat = ANY ($2::text[])
), gates AS (
    DELETE FROM chat_gate WHERE account_id = $1 AND chat = ANY ($2::text[])
)
DELETE FROM profile WHERE account_id = $1 AND chat = ANY ($2::text[]);

-- name: order_raw_erasure
-- Raw webhooks received in a period are to be looked through.
INSERT INTO raw_erasure
    (erasure_id, workspace_id, account_ids, chats, platform_message_ids, message_ids, done_time, until_time)
SELECT
    $1, $2, ARRAY(SELECT DISTINCT account_id FROM raw_webhook WHERE webhook_id = ANY ($3::uuid[]) UNION SELECT $4::uuid),
    $5, $6, $7, $8, now();

-- name: find_raw_erasure
-- The oldest order, ours until the transaction ends.
SELECT
    erasure_id::text, account_ids::text[] AS account_ids, chats, platform_message_ids, message_ids::text[] AS message_ids, done_time,
    until_time
FROM raw_erasure
ORDER BY create_time
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: find_bodies
-- Webhooks received in a part of the period that were parsed and name one of the chats.
SELECT r.webhook_id::text, r.account_id::text, r.body, r.received_time, r.traceparent
FROM raw_webhook AS r
WHERE r.received_time >= $1
    AND r.received_time <= $2
    AND r.account_id = ANY ($3::uuid[])
    AND r.state = 'parsed'
    AND r.body_digest IS NULL
    AND EXISTS (
        SELECT FROM unnest($4::text[]) AS c (chat) WHERE position(convert_to(c.chat, 'UTF8') IN r.body) > 0
    )
ORDER BY r.webhook_id;

-- name: find_erased_messages
-- Those of some messages whose customer was forgotten.
SELECT message_id::text FROM message WHERE message_id = ANY ($1::uuid[]) AND erase_time IS NOT NULL;

-- name: erase_bodies
-- Bodies are gone but for their digests.
UPDATE raw_webhook SET body_digest = sha256(body), body = '' WHERE webhook_id = ANY ($1::uuid[]);

-- name: move_raw_erasure
-- What was received before is looked through.
UPDATE raw_erasure SET done_time = $2 WHERE erasure_id = $1;

-- name: end_raw_erasure
-- All of the period is looked through.
DELETE FROM raw_erasure WHERE erasure_id = $1;
