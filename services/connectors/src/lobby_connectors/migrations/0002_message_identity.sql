-- A platform's message is one row: the index by which receipts find messages becomes the guard, at no more writes.

-- Inside what the platform's id is unique: '' is the account, else a chat. What we send ourselves is alone in a scope of
-- its own, for it has no id of the platform until it is accepted, and may meet an id again; so are rows that were
-- written before, or by code that does not know the column.
ALTER TABLE message ADD COLUMN id_scope text NOT NULL DEFAULT gen_random_uuid()::text;

UPDATE message AS m
SET id_scope = CASE WHEN a.platform = 'whatsapp' THEN '' ELSE m.chat END
FROM account AS a
WHERE a.account_id = m.account_id
    AND m.webhook_id IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM message AS earlier
        WHERE earlier.account_id = m.account_id
            AND earlier.platform_message_id = m.platform_message_id
            AND earlier.webhook_id IS NOT NULL
            AND (a.platform = 'whatsapp' OR earlier.chat = m.chat)
            AND earlier.message_id < m.message_id
    );

DROP INDEX message_by_platform_id;
CREATE UNIQUE INDEX message_by_platform_id ON message (account_id, platform_message_id, id_scope);
