-- Expands: messages of people who were forgotten, and the raw webhooks that are still to be emptied.

-- When its customer was forgotten: text, files, address and the platform's ids are gone.
ALTER TABLE message ADD COLUMN erase_time timestamptz;

-- What is left of a body that was all of somebody who was forgotten: its SHA-256.
ALTER TABLE raw_webhook ADD COLUMN body_digest bytea;

-- Whose bodies are looked for, until all are looked through.
CREATE TABLE raw_erasure (
    erasure_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- the accounts to which his webhooks came: one may bring messages of another
    account_ids uuid[] NOT NULL,
    chats text[] NOT NULL,
    platform_message_ids text[] NOT NULL,
    message_ids uuid[] NOT NULL,
    -- those received before are looked through
    done_time timestamptz NOT NULL,
    until_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
