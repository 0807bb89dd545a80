-- name: find_first
-- Since when something was told of messages.
SELECT min(create_time) FROM message WHERE message_id = ANY ($1::uuid[]);

-- name: forget_memories
-- What was translated first for these messages and chats is forgotten; where somebody else wrote the same it is made anew.
WITH made AS (
    DELETE FROM memory_maker WHERE maker = ANY ($1::text[]) RETURNING key
)
DELETE FROM memory USING made WHERE memory.key = made.key;

-- name: find_chats_of
-- The chats in which messages stand.
SELECT DISTINCT account_id::text, chat FROM message WHERE message_id = ANY ($1::uuid[]);

-- name: leave_chats
-- The messages stand in a chat that is nobody's; chats in which no text of anybody else is left are gone.
WITH left_behind AS (
    SELECT DISTINCT account_id, chat FROM message WHERE message_id = ANY ($1::uuid[])
), moved AS (
    UPDATE message SET chat = $2 WHERE message_id = ANY ($1::uuid[]) AND chat <> $2
)
DELETE FROM chat AS c
USING left_behind AS l
WHERE c.account_id = l.account_id AND c.chat = l.chat
    AND NOT EXISTS (SELECT FROM message_text AS x WHERE x.account_id = c.account_id AND x.chat = c.chat);
